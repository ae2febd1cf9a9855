// y = x Wᵀ + b for few rows of x: a guided decoding step has two, two seconds of given codes a hundred.
//
// General matrix products read the weights at a fraction of what memory gives when x has so few rows, and would have a
// float16 weight cast as a whole, first. Here every row of
// W is read once, as it is stored (float32, float16 or bfloat16, where it lies in the mapped file), and accumulated in
// float32. Run-time dispatch: AVX2 with FMA and F16C, else portable code; rows of W are shared between threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace harness::model {

// Rows of x. Of 21 rows AVX2 code takes a third of at::linear's time, of 128 as long; portable code is sooner the slower.
inline constexpr int64_t kMaxSmallBatch = 128, kMaxPortableBatch = 16;

// Whether SmallBatchLinear takes them: on the CPU, at most so many rows of x as this processor's code is made for, W
// contiguous and of one of the three types.
bool IsSmallBatch(const at::Tensor& x, const at::Tensor& weight);

// x: [..., K] float32; weight: [N, K]; bias: [N] float32, or undefined. Returns [..., N] float32.
// Precondition: IsSmallBatch(x, weight).
at::Tensor SmallBatchLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// One product of the same x with several weights of one shape, which may lie apart: threads share the rows of all.
// biases: as many, or none. Returns [weights, ..., N].
// Precondition: IsSmallBatch(x, weight) for each.
at::Tensor SmallBatchLinear(const at::Tensor& x, at::TensorList weights, at::TensorList biases);

// What SmallBatchLinear has done in this process: for tests, which can't trust a clock.
struct SmallBatchCounts {
  int64_t products = 0;
  int64_t weight_bytes = 0;  // of the weights as they are stored
};
SmallBatchCounts CountSmallBatches();

// One thread's share, for both code paths; for tests and benchmarks.
enum class WeightType { kFloat32, kFloat16, kBFloat16 };
struct SmallBatchArguments {
  const float* x;      // [rows, k]
  const void* weight;  // [n, k]
  const float* bias;   // [n], or null
  float* y;            // [rows, n]
  int64_t rows, k, n;  // rows: 1 to kMaxSmallBatch
  WeightType type;
};
// Rows [begin, end) of the weight.
void SmallBatchLinearPortable(const SmallBatchArguments& arguments, int64_t begin, int64_t end);
void SmallBatchLinearAvx2(const SmallBatchArguments& arguments, int64_t begin, int64_t end);
// Whether this program has SmallBatchLinearAvx2 and this processor runs it.
bool HasSmallBatchLinearAvx2();

}  // namespace harness::model
