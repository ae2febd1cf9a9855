#include "conformance/stages/stage_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "conformance/stages/gpu_choice.h"

namespace conformance {
namespace {

using harness::generate::DeviceFacts;

// Once a process: opening CUDA runs a kernel, and what it finds does not change.
const harness::Result<DeviceFacts>& Open(const std::string& device) {
  static std::map<std::string, harness::Result<DeviceFacts>> opened;
  auto found = opened.find(device);
  if (found == opened.end()) found = opened.emplace(device, harness::generate::OpenDevice(device)).first;
  return found->second;
}

// LibTorch looks for CUDA's part once, at the first operation that could use it, a convolution on the CPU: a process
// that runs both devices has to have loaded it by then. What can't be used is reported when it is CUDA's turn.
void LoadCudaBeforeTheCpu(const Context& context) {
  const auto& devices = context.plan().devices;
  if (!context.settings().staged && std::find(devices.begin(), devices.end(), "cuda") != devices.end()) Open("cuda");
}

}  // namespace

std::optional<DeviceFacts> OpenForRun(const Context& context, const std::string& device, GenerationRecord& record) {
  if (device == "cuda") record.gpu_choice = DescribeGpuChoice([](const char* name) { return std::getenv(name); });
  if (device == "cpu") LoadCudaBeforeTheCpu(context);
  const auto& facts = Open(device);
  if (facts.ok()) {
    record.device_name = facts->name;
    record.compute_capability = facts->compute_capability;
    record.driver_version = facts->driver_version;
    return *facts;
  }
  record.problem = facts.error().message;
  record.remedy = facts.error().remedy;
  if (!record.gpu_choice.empty()) record.problem += fmt::format(" ({})", record.gpu_choice);
  // The reference takes what it can use; a device that is asked for by name is to be judged.
  const std::string asks = DescribeWhoAsksFor(context.settings(), device);
  record.reason = reason::kDeviceUnusable;
  record.skipped = asks.empty();
  record.problem = record.skipped
                       ? fmt::format("{} is not run: {}", device, record.problem)
                       : fmt::format(
                             "{} is not run: {} asks for it, and it can't be used here. {}. This says nothing "
                             "about the export",
                             device, asks, record.problem);
  return std::nullopt;
}

int64_t ReadMemoryPeakBytes(const DeviceFacts& device, const harness::pipeline::GeneratedMusic& music) {
  if (!device.device.is_cpu()) return music.peak_memory_bytes.value_or(0);
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return 1024 * std::strtoll(line.c_str() + 6, nullptr, 10);
  }
  return 0;
}

harness::Status CanUseCuda() {
  const auto& cuda = Open("cuda");
  return cuda.ok() ? harness::Status() : harness::Status(cuda.error());
}

}  // namespace conformance
