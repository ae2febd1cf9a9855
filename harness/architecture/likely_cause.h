// Why a state dict does not agree with its config, in the exporter's terms: what wrapped the model, what was left in
// it, or which numbers differ.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/architecture/agreement.h"

namespace harness::architecture {

// Sentences without a full stop.
struct LikelyCause {
  std::string text;
  std::string remedy = {};  // which prefix to strip and how, which adapter to merge; empty where nothing is known
};

// From the two name lists taken together.
std::optional<LikelyCause> FindLikelyCause(const std::vector<TensorSpec>& specs, const std::vector<FoundTensor>& found,
                                           const Agreement& agreement);

}  // namespace harness::architecture
