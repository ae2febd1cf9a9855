#include "harness/architecture/conditioner_tensors.h"

#include "harness/architecture/conditioner_kind.h"

namespace harness::architecture {

int64_t CountMostTensors(const ConditionerSpec& conditioner) {
  constexpr int64_t kFew = 8;  // output_proj, and what a kind has once
  const auto count = FindConditionerKind(conditioner).more_tensors;
  return kFew + (count != nullptr ? count(conditioner) : 0);
}

void AppendConditionerTensors(const ConditionerSpec& conditioner, int64_t dim, std::vector<TensorSpec>& list) {
  ConditionerTensors tensors(conditioner, list);
  tensors.Add("output_proj.weight", {dim, conditioner.input_dim}, "transformer_lm.dim, " + conditioner.input_origin);
  tensors.Add("output_proj.bias", {dim}, "transformer_lm.dim");
  if (const auto append = FindConditionerKind(conditioner).append_tensors; append != nullptr)
    append(conditioner, tensors);
}

std::vector<std::string> ListUncheckedPrefixes(const std::vector<ConditionerSpec>& conditioners) {
  std::vector<std::string> prefixes;
  for (const ConditionerSpec& conditioner : conditioners) {
    const auto unchecked = FindConditionerKind(conditioner).unchecked;
    if (unchecked == nullptr) continue;
    if (const auto leaf = unchecked(conditioner)) prefixes.push_back(ConditionerPrefix(conditioner.name) + *leaf);
  }
  return prefixes;
}

}  // namespace harness::architecture
