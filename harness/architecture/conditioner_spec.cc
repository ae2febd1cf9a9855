#include "harness/architecture/conditioner_spec.h"

#include <array>
#include <string_view>
#include <utility>

namespace harness::architecture {

std::string ConditionerPrefix(const std::string& conditioner) {
  return "condition_provider.conditioners." + conditioner + ".";
}

std::string T5Prefix(const std::string& conditioner) { return ConditionerPrefix(conditioner) + "t5."; }

std::optional<int64_t> T5Dim(const std::string& name) {
  // T5Conditioner.MODELS and MODELS_DIMS; flan-t5-xl and -xxl stand in the first, but not in the second (KeyError).
  static constexpr std::array<std::pair<std::string_view, int64_t>, 8> kModels = {{
      {"t5-small", 512},
      {"t5-base", 768},
      {"t5-large", 1024},
      {"t5-3b", 1024},
      {"t5-11b", 1024},
      {"google/flan-t5-small", 512},
      {"google/flan-t5-base", 768},
      {"google/flan-t5-large", 1024},
  }};
  for (const auto& [known, dim] : kModels) {
    if (known == name) return dim;
  }
  return std::nullopt;
}

}  // namespace harness::architecture
