// What FSDP leaves in a state dict that was not gathered, as far as names and shapes show it.
#pragma once

#include <vector>

#include "harness/architecture/agreement.h"
#include "harness/base/result.h"

namespace harness::architecture {

// Errors: kMismatch: flat parameters, wrapped names, tensors without elements, matrices in one dimension; which, and
// how many. A shard whose matrices kept their two dimensions shows only against its config (likely_cause.h).
Status CheckNotSharded(const std::vector<FoundTensor>& found);

}  // namespace harness::architecture
