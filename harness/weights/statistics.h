// What the values of a run of elements look like: counts, range, the first of each kind that is wrong.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/pickle/dtype.h"

namespace harness::weights {

// The first float32 that PyTorch rounds to infinity in float16; what is below rounds to 65504 at most.
inline constexpr int kFloat16Overflow = 65520;

// Over the elements that the tensor shows (not its whole storage). Integer and bool tensors count zeros, min and max
// only, complex ones elements only.
struct TensorStatistics {
  size_t tensor = 0;  // index into Checkpoint::tensors()
  int64_t elements = 0;
  int64_t nan = 0;
  int64_t infinite = 0;
  int64_t beyond_float16 = 0;  // finite, but infinite once rounded to float16: |x| >= kFloat16Overflow
  int64_t zeros = 0;
  double min = 0;  // over the elements that are not NaN; min > max: none
  double max = 0;
  int64_t first_nan = -1;  // flat index, row-major; -1: none
  int64_t first_infinite = -1;
  int64_t first_beyond_float16 = -1;
};

// Statistics without any element.
TensorStatistics EmptyStatistics(size_t tensor);

// Adds `count` elements at `data` (any alignment), the first of which has flat index `first_index`. Complex elements
// are only counted. Fast where nothing is NaN, infinite or beyond float16, which is looked for first; exact elsewhere.
void AddElements(pickle::Dtype dtype, const std::byte* data, int64_t count, int64_t first_index,
                 TensorStatistics& statistics);

// Adds what was counted over other elements of the same tensor.
void Merge(const TensorStatistics& other, TensorStatistics& into);

}  // namespace harness::weights
