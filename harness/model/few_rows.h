// y = x Wᵀ + b for a handful of rows of x: a guided decoding step has two.
//
// General matrix products read the weights at a fraction of what memory gives when x has so few rows. Here every row of
// W is read once, as it is stored (float32, float16 or bfloat16, where it lies in the mapped file), and accumulated in
// float32. Run-time dispatch: AVX2 with FMA and F16C, else portable code; rows of W are shared between threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace harness {

inline constexpr int64_t kMaxFewRows = 16;

// Whether FewRowsLinear takes them: on the CPU, at most kMaxFewRows rows of x, W contiguous and of one of the three
// types.
bool IsFewRows(const at::Tensor& x, const at::Tensor& weight);

// x: [..., K] float32; weight: [N, K]; bias: [N] float32, or undefined. Returns [..., N] float32.
// Precondition: IsFewRows(x, weight).
at::Tensor FewRowsLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// One product of the same x with several weights of one shape, which may lie apart: threads share the rows of all.
// biases: as many, or none. Returns [weights, ..., N].
// Precondition: IsFewRows(x, weight) for each.
at::Tensor FewRowsLinear(const at::Tensor& x, at::TensorList weights, at::TensorList biases);

// What FewRowsLinear has done in this process: for tests, which can't trust a clock.
struct FewRowsCounts {
  int64_t products = 0;
  int64_t weight_bytes = 0;  // of the weights as they are stored
};
FewRowsCounts CountFewRows();

// One thread's share, for both code paths; for tests and benchmarks.
enum class WeightType { kFloat32, kFloat16, kBFloat16 };
struct FewRowsArguments {
  const float* x;      // [rows, k]
  const void* weight;  // [n, k]
  const float* bias;   // [n], or null
  float* y;            // [rows, n]
  int64_t rows, k, n;  // rows: 1 to kMaxFewRows
  WeightType type;
};
// Rows [begin, end) of the weight.
void FewRowsPortable(const FewRowsArguments& arguments, int64_t begin, int64_t end);
void FewRowsAvx2(const FewRowsArguments& arguments, int64_t begin, int64_t end);
// Whether this program has FewRowsAvx2 and this processor runs it.
bool HasFewRowsAvx2();

}  // namespace harness
