#include "harness/pickle/tensor_view.h"

namespace harness::pickle {

int64_t TensorView::num_elements() const {
  int64_t product = 1;
  for (const int64_t size : shape) {
    if (size == 0) return 0;
    if (__builtin_mul_overflow(product, size, &product)) product = INT64_MAX;  // valid tensors don't get here
  }
  return product;
}

bool TensorView::is_contiguous() const {
  if (num_elements() == 0) return true;
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    if (strides[i] != expected || __builtin_mul_overflow(expected, shape[i], &expected)) return false;
  }
  return true;
}

}  // namespace harness::pickle
