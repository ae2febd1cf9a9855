// What FSDP leaves in a state dict that was not gathered, as far as names and shapes show it.
#pragma once

#include <string>
#include <vector>

#include "harness/architecture/agreement.h"

namespace harness {

// Flat parameters, wrapped names, tensors without elements, matrices in one dimension: a sentence that says which, how
// many, and what to do; empty where there is none. A shard whose matrices kept their two dimensions shows only against
// its config (likely_cause.h).
std::string DescribeShards(const std::vector<FoundTensor>& found);

}  // namespace harness
