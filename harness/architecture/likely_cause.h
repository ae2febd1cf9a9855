// Why a state dict does not agree with its config, in the exporter's terms: what wrapped the model, what was left in
// it, or which numbers differ.
#pragma once

#include <string>
#include <vector>

#include "harness/architecture/agreement.h"

namespace harness {

// A sentence without a full stop, from the two name lists taken together; empty where no cause is known. It says what
// to do: which prefix to strip and how, which adapter to merge, which parametrization to undo.
std::string LikelyCause(const std::vector<TensorSpec>& specs, const std::vector<FoundTensor>& found,
                        const Agreement& agreement);

}  // namespace harness
