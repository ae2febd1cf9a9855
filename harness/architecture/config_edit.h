// The one edit of a config that would make it agree with the weights, where there is one.
//
// Candidates come from the shapes that were found; each is tried, and only one with which nothing is left to disagree
// is ever reported. Which of the two is wrong, config or weights, nobody can know here: it is a suggestion.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "harness/architecture/agreement.h"
#include "harness/architecture/edit_candidates.h"
#include "harness/config/config.h"

namespace harness::architecture {

// Each by itself; the likelier first. `config` must be one that DescribeLm, or DescribeCodec, accepts.
std::vector<ConfigEdit> ListLmEdits(const config::Config& config, const std::vector<FoundTensor>& found);
std::vector<ConfigEdit> ListCodecEdits(const config::Config& config, const std::vector<FoundTensor>& found);

// Whether a config and the weights agree wholly.
using Trial = std::function<bool(const config::Config&)>;

// The first edit with which they do.
std::optional<ConfigEdit> FindFirstAgreeing(const config::Config& config, const std::vector<ConfigEdit>& edits,
                                            const Trial& agrees);

}  // namespace harness::architecture
