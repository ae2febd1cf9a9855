#include "conformance/stages/gpu_choice.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace conformance {
namespace {

using harness::Error;
using harness::ErrorCode;

constexpr const char* kGpus = "CTEST_RESOURCE_GROUP_0_GPUS";
constexpr const char* kVisible = "CUDA_VISIBLE_DEVICES";

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  while (true) {
    const size_t at = text.find(separator);
    pieces.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return pieces;
    text.remove_prefix(at + 1);
  }
}

}  // namespace

harness::Result<std::string> FindAssignedGpu(const std::function<const char*(const char*)>& variable) {
  const char* assigned = variable(kGpus);
  if (assigned == nullptr || *assigned == '\0') return std::string();
  const auto wrong = [&](std::string_view why) {
    return Error{ErrorCode::kMismatch, fmt::format("{}='{}': {}", kGpus, assigned, why),
                 "Give the gpus of the resource specification the numbers of CUDA's devices as ids, from 0 on "
                 "(scripts/cluster/resources.json is an example)"};
  };
  if (std::string_view(assigned).find(';') != std::string_view::npos) return wrong("expected one GPU");
  const std::string id = Split(assigned, ',').front();
  if (!id.starts_with("id:")) return wrong("expected id:NUMBER,slots:NUMBER");
  size_t number = 0;
  const char* end = id.data() + id.size();
  const auto parsed = std::from_chars(id.data() + 3, end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return wrong("the id is not a number");
  const char* visible = variable(kVisible);
  if (visible == nullptr) return fmt::format("{}", number);
  const std::vector<std::string> cards = Split(visible, ',');
  if (*visible == '\0' || number >= cards.size()) {
    return wrong(fmt::format("{}='{}' leaves no device of that number", kVisible, visible));
  }
  return cards[number];
}

harness::Status UseAssignedGpu() {
  HARNESS_ASSIGN_OR_RETURN(const std::string gpu, FindAssignedGpu([](const char* name) { return std::getenv(name); }));
  if (!gpu.empty()) setenv(kVisible, gpu.c_str(), 1);
  return {};
}

std::string DescribeGpuChoice(const std::function<const char*(const char*)>& variable) {
  const char* visible = variable(kVisible);
  if (visible == nullptr) return "";
  const char* assigned = variable(kGpus);
  const bool by_ctest = assigned != nullptr && *assigned != '\0';
  return fmt::format("{}{}={}", by_ctest ? fmt::format("CTest assigned {}: ", assigned) : "", kVisible, visible);
}

}  // namespace conformance
