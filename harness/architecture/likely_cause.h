// Why a state dict does not agree with its config, in the exporter's terms: what wrapped the model, what was left in
// it, or which numbers differ.
#pragma once

#include <optional>
#include <vector>

#include "harness/architecture/agreement.h"
#include "harness/architecture/foreign_names.h"

namespace harness::architecture {

// From the two name lists taken together.
std::optional<LikelyCause> FindLikelyCause(const std::vector<TensorSpec>& specs, const std::vector<FoundTensor>& found,
                                           const Agreement& agreement);

// What can be said where neither a likely cause nor an edit of the config is known: which part of it fits.
LikelyCause DescribeRest(const std::vector<TensorSpec>& specs, const Agreement& agreement, const std::string& file);

}  // namespace harness::architecture
