// The tensors that conditioners imply, whatever their kinds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/architecture/conditioner_spec.h"
#include "harness/architecture/tensor_spec.h"

namespace harness::architecture {

// At least as many as AppendConditionerTensors appends: for whoever has to know before they are made.
int64_t CountMostTensors(const ConditionerSpec& conditioner);

// Group "conditioners". `dim`: transformer_lm.dim, the width that every conditioner projects to.
void AppendConditionerTensors(const ConditionerSpec& conditioner, int64_t dim, std::vector<TensorSpec>& list);

// Prefixes of tensors that the state dict must hold, too, but whose names or shapes depend on something outside the
// export that is not at hand: "condition_provider.conditioners.description.t5.". No check may call them unexpected.
std::vector<std::string> ListUncheckedPrefixes(const std::vector<ConditionerSpec>& conditioners);

}  // namespace harness::architecture
