// What the values of a run of elements look like: counts, range, first offenders. Internal to payload.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/weights/payload.h"

namespace harness {

// Statistics without any element.
TensorStatistics EmptyStatistics(size_t tensor);

// Adds `count` elements at `data` (any alignment), the first of which has flat index `first_index`. Complex elements
// are only counted. Fast where nothing is NaN, infinite or beyond float16, which is looked for first; exact elsewhere.
void AddElements(Dtype dtype, const std::byte* data, int64_t count, int64_t first_index, TensorStatistics& statistics);

// Adds what was counted over other elements of the same tensor.
void Merge(const TensorStatistics& other, TensorStatistics& into);

}  // namespace harness
