#include "harness/model/small_batch_linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <bit>

namespace harness::model {

#ifdef HARNESS_HAVE_AVX2
// small_batch_linear_avx2.cc, which includes no header of ours.
void SmallBatchLinearAvx2Raw(const float* x, const void* weight, const float* bias, float* y, int64_t rows, int64_t k,
                             int64_t n, int type, int64_t begin, int64_t end);
#endif

namespace {

std::atomic<int64_t> products_done = 0, weight_bytes_read = 0;

WeightType TypeOf(const at::Tensor& weight) {
  if (weight.scalar_type() == at::kHalf) return WeightType::kFloat16;
  return weight.scalar_type() == at::kBFloat16 ? WeightType::kBFloat16 : WeightType::kFloat32;
}

template <class Load>
void Portable(const SmallBatchArguments& a, int64_t begin, int64_t end, Load load) {
  for (int64_t n = begin; n < end; ++n) {
    for (int64_t r = 0; r < a.rows; ++r) {
      float sum = 0;
      for (int64_t i = 0; i < a.k; ++i) sum += load(n * a.k + i) * a.x[r * a.k + i];
      a.y[r * a.n + n] = sum + (a.bias != nullptr ? a.bias[n] : 0);
    }
  }
}

}  // namespace

void SmallBatchLinearPortable(const SmallBatchArguments& a, int64_t begin, int64_t end) {
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
void SmallBatchLinearAvx2(const SmallBatchArguments& arguments, int64_t begin, int64_t end) {
  SmallBatchLinearPortable(arguments, begin, end);
}
bool HasSmallBatchLinearAvx2() { return false; }
#else
void SmallBatchLinearAvx2(const SmallBatchArguments& a, int64_t begin, int64_t end) {
  SmallBatchLinearAvx2Raw(a.x, a.weight, a.bias, a.y, a.rows, a.k, a.n, static_cast<int>(a.type), begin, end);
}

bool HasSmallBatchLinearAvx2() {
  // Clang 14 can't ask for F16C; every processor with AVX2 has it.
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has;
}
#endif

bool IsSmallBatch(const at::Tensor& x, const at::Tensor& weight) {
  const auto type = weight.scalar_type();
  const int64_t most = HasSmallBatchLinearAvx2() ? kMaxSmallBatch : kMaxPortableBatch;
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.numel() > 0 && x.numel() / x.size(-1) <= most &&
         weight.is_contiguous() && (type == at::kFloat || type == at::kHalf || type == at::kBFloat16);
}

SmallBatchCounts CountSmallBatches() { return {products_done, weight_bytes_read}; }

namespace {

// Into y, [weights, rows of x, N].
void Multiply(const at::Tensor& x, at::TensorList weights, at::TensorList biases, at::Tensor& y) {
  const at::Tensor& first = weights.front();
  const at::Tensor input = x.contiguous();
  const int64_t rows = input.numel() / input.size(-1), n = first.size(0), k = first.size(1);
  std::vector<SmallBatchArguments> parts;
  products_done += 1;
  for (size_t i = 0; i < weights.size(); ++i) {
    TORCH_CHECK(IsSmallBatch(x, weights[i]) && x.size(-1) == k && weights[i].sizes() == first.sizes(),
                "not a product of few rows");
    weight_bytes_read += static_cast<int64_t>(weights[i].nbytes());
    parts.push_back({.x = input.const_data_ptr<float>(),
                     .weight = weights[i].const_data_ptr(),
                     .bias = biases.empty() ? nullptr : biases[i].const_data_ptr<float>(),
                     .y = y.mutable_data_ptr<float>() + static_cast<int64_t>(i) * rows * n,
                     .rows = rows,
                     .k = k,
                     .n = n,
                     .type = TypeOf(weights[i])});
  }
  const auto run = HasSmallBatchLinearAvx2() ? SmallBatchLinearAvx2 : SmallBatchLinearPortable;
  const int64_t all = n * static_cast<int64_t>(parts.size());
  // Small products are not worth waking a thread for.
  const int64_t threads = all * k < (1 << 16) ? 1 : at::get_num_threads();
  const int64_t share = ((all + threads - 1) / threads + 3) / 4 * 4;
#pragma omp parallel for num_threads(static_cast <int>(threads)) if (threads > 1)
  for (int64_t t = 0; t < threads; ++t) {
    int64_t before = 0;  // rows of the parts before this one
    for (const SmallBatchArguments& part : parts) {
      run(part, std::clamp<int64_t>(t * share - before, 0, n), std::clamp<int64_t>((t + 1) * share - before, 0, n));
      before += n;
    }
  }
}

}  // namespace

at::Tensor SmallBatchLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = weight.size(0);
  at::Tensor y = at::empty(shape, x.options());
  Multiply(x, weight, bias.defined() ? at::TensorList(bias) : at::TensorList(), y);
  return y;
}

at::Tensor SmallBatchLinear(const at::Tensor& x, at::TensorList weights, at::TensorList biases) {
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = weights.front().size(0);
  shape.insert(shape.begin(), static_cast<int64_t>(weights.size()));
  at::Tensor y = at::empty(shape, x.options());
  Multiply(x, weights, biases, y);
  return y;
}

}  // namespace harness::model
