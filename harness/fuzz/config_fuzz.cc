// A config's text: parsed, every value resolved, described as both models.
#include "harness/architecture/codec_spec.h"
#include "harness/architecture/lm_spec.h"
#include "harness/config/config.h"
#include "harness/fuzz/fuzz_input.h"

using namespace harness;
using namespace harness::fuzz;

namespace {

constexpr size_t kMostPaths = 300;

// Every path, whether it can be read or not.
void ReadAll(const config::Config& config) {
  std::vector<std::string> paths = {""};
  for (size_t i = 0; i < paths.size() && i < kMostPaths; ++i) {
    const auto value = config.Get(paths[i]);
    if (value.ok()) (void)value->Describe();
    (void)config.GetInt(paths[i]);
    (void)config.GetStringList(paths[i]);
    const auto keys = config.Keys(paths[i]);
    if (!keys.ok()) continue;
    for (const std::string& key : *keys) {
      paths.push_back(paths[i].empty() ? key : paths[i] + "." + key);
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto no_variables = [](const std::string& name) {
    return name == "USER" ? std::optional<std::string>("somebody") : std::nullopt;
  };
  const auto config = config::Config::Parse(AsText(data, size), "state_dict.bin: xp.cfg", no_variables);
  if (!config.ok()) return 0;
  ReadAll(*config);
  (void)architecture::DescribeLm(*config);
  (void)architecture::DescribeCodec(*config);
  return 0;
}
