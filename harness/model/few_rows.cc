#include "harness/model/few_rows.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <bit>

namespace harness {

#ifdef HARNESS_HAVE_AVX2
// few_rows_avx2.cc, which includes no header of ours.
void FewRowsAvx2Raw(const float* x, const void* weight, const float* bias, float* y, int64_t rows, int64_t k, int64_t n,
                    int type, int64_t begin, int64_t end);
#endif

namespace {

std::atomic<int64_t> products_done = 0, weight_bytes_read = 0;

WeightType TypeOf(const at::Tensor& weight) {
  if (weight.scalar_type() == at::kHalf) return WeightType::kFloat16;
  return weight.scalar_type() == at::kBFloat16 ? WeightType::kBFloat16 : WeightType::kFloat32;
}

template <class Load>
void Portable(const FewRowsArguments& a, int64_t begin, int64_t end, Load load) {
  for (int64_t n = begin; n < end; ++n) {
    for (int64_t r = 0; r < a.rows; ++r) {
      float sum = 0;
      for (int64_t i = 0; i < a.k; ++i) sum += load(n * a.k + i) * a.x[r * a.k + i];
      a.y[r * a.n + n] = sum + (a.bias != nullptr ? a.bias[n] : 0);
    }
  }
}

}  // namespace

void FewRowsPortable(const FewRowsArguments& a, int64_t begin, int64_t end) {
  switch (a.type) {
    case WeightType::kFloat32:
      return Portable(a, begin, end, [w = static_cast<const float*>(a.weight)](int64_t i) { return w[i]; });
    case WeightType::kFloat16:
      return Portable(a, begin, end,
                      [w = static_cast<const c10::Half*>(a.weight)](int64_t i) { return static_cast<float>(w[i]); });
    case WeightType::kBFloat16:
      return Portable(a, begin, end, [w = static_cast<const uint16_t*>(a.weight)](int64_t i) {
        return std::bit_cast<float>(static_cast<uint32_t>(w[i]) << 16);
      });
  }
}

#ifndef HARNESS_HAVE_AVX2
void FewRowsAvx2(const FewRowsArguments& arguments, int64_t begin, int64_t end) {
  FewRowsPortable(arguments, begin, end);
}
bool HasFewRowsAvx2() { return false; }
#else
void FewRowsAvx2(const FewRowsArguments& a, int64_t begin, int64_t end) {
  FewRowsAvx2Raw(a.x, a.weight, a.bias, a.y, a.rows, a.k, a.n, static_cast<int>(a.type), begin, end);
}

bool HasFewRowsAvx2() {
  // Clang 14 can't ask for F16C; every processor with AVX2 has it.
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has;
}
#endif

bool IsFewRows(const at::Tensor& x, const at::Tensor& weight) {
  const auto type = weight.scalar_type();
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.numel() > 0 &&
         x.numel() / x.size(-1) <= kMaxFewRows && weight.is_contiguous() &&
         (type == at::kFloat || type == at::kHalf || type == at::kBFloat16);
}

FewRowsCounts CountFewRows() { return {products_done, weight_bytes_read}; }

at::Tensor FewRowsLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  TORCH_CHECK(IsFewRows(x, weight) && x.size(-1) == weight.size(1), "not a product of few rows");
  products_done += 1;
  weight_bytes_read += static_cast<int64_t>(weight.nbytes());
  const at::Tensor input = x.contiguous();
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = weight.size(0);
  at::Tensor y = at::empty(shape, x.options());
  const FewRowsArguments arguments{.x = input.const_data_ptr<float>(),
                                   .weight = weight.const_data_ptr(),
                                   .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                                   .y = y.mutable_data_ptr<float>(),
                                   .rows = input.numel() / input.size(-1),
                                   .k = weight.size(1),
                                   .n = weight.size(0),
                                   .type = TypeOf(weight)};
  const auto run = HasFewRowsAvx2() ? FewRowsAvx2 : FewRowsPortable;
  // Small products are not worth waking a thread for.
  const int64_t threads = arguments.n * arguments.k < (1 << 16) ? 1 : at::get_num_threads();
  const int64_t share = ((arguments.n + threads - 1) / threads + 3) / 4 * 4;
#pragma omp parallel for num_threads(static_cast <int>(threads)) if (threads > 1)
  for (int64_t t = 0; t < threads; ++t) {
    run(arguments, std::min(arguments.n, t * share), std::min(arguments.n, (t + 1) * share));
  }
  return y;
}

}  // namespace harness
