#include "harness/model/attention.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

namespace harness::model {
namespace {

// [B, S, n E] -> [B, n, S, E]
at::Tensor SplitHeads(const at::Tensor& x, int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, -1}).transpose(1, 2);
}

Linear LoadPacked(const architecture::LmSpec& spec, const TensorTable& tensors, const std::string& name,
                  const Placement& placement) {
  const std::string inner = spec.packed_attention() ? name : name + ".mha";
  return Linear::Load(tensors, inner + ".in_proj_weight", inner + ".in_proj_bias", placement);
}

Linear LoadOut(const architecture::LmSpec& spec, const TensorTable& tensors, const std::string& name,
               const Placement& placement) {
  return Linear::Load(tensors, (spec.packed_attention() ? name : name + ".mha") + ".out_proj", placement);
}

// Query head h uses the keys and values of head h / (H / G), as expand_repeated_kv lays them out.
at::Tensor RepeatHeads(const at::Tensor& x, int64_t heads) {
  if (x.size(1) == heads) return x;
  const int64_t repeats = heads / x.size(1);
  return x.unsqueeze(2)
      .expand({x.size(0), x.size(1), repeats, x.size(2), x.size(3)})
      .reshape({x.size(0), heads, x.size(2), x.size(3)});
}

// Whether the reference writes the attention out, rather than leave it to scaled_dot_product_attention: the same in
// float32, but float16 is rounded at other places.
bool IsExplicit(const architecture::LmSpec& spec) { return spec.custom && !spec.memory_efficient; }

// [B, H, S, E], all. `mask`: [S, past and new steps], or undefined.
struct Attention {
  bool explicit_form, as_float32, causal;
  at::Tensor mask;

  at::Tensor operator()(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                        Precision precision) const {
    const bool half = precision == Precision::kFloat16Autocast;
    if (half && explicit_form) return WrittenOut(queries, keys, values);
    const bool emulated = half && queries.device().is_cpu();
    const auto cast = [&](const at::Tensor& x) {
      if (!half) return x;
      return emulated ? x.to(at::kHalf).to(at::kFloat) : x.to(at::kHalf);
    };
    const at::Tensor heads = at::scaled_dot_product_attention(
        cast(queries), cast(keys), cast(values), mask.defined() ? std::optional<at::Tensor>(cast(mask)) : std::nullopt,
        /*dropout_p=*/0.0, causal);
    // The CPU's own float16 kernel rounds in between: as far from CUDA's as float32 is.
    return emulated ? heads.to(at::kHalf) : heads;
  }

 private:
  // Queries and keys are float16, or float32 where a norm was the last to see them.
  at::Tensor WrittenOut(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values) const {
    const at::Tensor q = as_float32 ? queries.to(at::kFloat) : queries;
    const at::Tensor scaled = q / std::sqrt(static_cast<double>(q.size(-1)));
    at::Tensor weights = at::matmul(scaled.to(at::kFloat), keys.to(at::kFloat).transpose(-2, -1));
    if (mask.defined()) weights = weights + mask;
    if (causal) {
      const at::Tensor all = at::ones({weights.size(-2), weights.size(-1)}, weights.options().dtype(at::kBool));
      weights = weights.masked_fill(at::logical_not(at::tril(all)), -std::numeric_limits<double>::infinity());
    }
    return at::matmul(at::softmax(weights, -1).to(at::kHalf), values.to(at::kHalf));
  }
};

}  // namespace

SelfAttention SelfAttention::Load(const architecture::LmSpec& spec, const TensorTable& tensors, const std::string& name,
                                  const Placement& placement) {
  const at::Device device = placement.device;
  SelfAttention attention;
  attention.in_proj_ = LoadPacked(spec, tensors, name, placement);
  attention.out_proj_ = LoadOut(spec, tensors, name, placement);
  attention.explicit_ = IsExplicit(spec);
  attention.as_float32_ = spec.attention_as_float32;
  attention.num_heads_ = spec.num_heads;
  attention.num_kv_heads_ = spec.num_heads / spec.kv_repeat;
  if (spec.qk_layer_norm) {
    attention.q_norm_ = Norm::Load(tensors, name + ".q_layer_norm", device);
    attention.k_norm_ = Norm::Load(tensors, name + ".k_layer_norm", device);
  }
  return attention;
}

KeysAndValues SelfAttention::NewCache(int64_t batch, int64_t capacity, at::Device device) const {
  const int64_t head_dim = out_proj_.weight.size(0) / num_heads_;
  const auto options = at::TensorOptions().device(device);
  const bool half = out_proj_.precision == Precision::kFloat16Autocast;
  const auto values = half ? at::kHalf : at::kFloat;
  const std::vector<int64_t> shape = {batch, num_kv_heads_, capacity, head_dim};
  return {at::empty(shape, options.dtype(k_norm_.defined() ? at::kFloat : values)),
          at::empty(shape, options.dtype(values))};
}

at::Tensor SelfAttention::operator()(const at::Tensor& x, KeysAndValues& cache, const Window& window,
                                     const Rotation* rotation) const {
  const int64_t steps = x.size(1), dim = x.size(2), kv_dim = dim / num_heads_ * num_kv_heads_;
  const auto parts = in_proj_(x).split_with_sizes({dim, kv_dim, kv_dim}, -1);
  at::Tensor queries = q_norm_.defined() ? q_norm_(parts[0]) : parts[0];
  at::Tensor keys = k_norm_.defined() ? k_norm_(parts[1]) : parts[1];
  queries = SplitHeads(queries, num_heads_);
  keys = SplitHeads(keys, num_kv_heads_);
  if (rotation != nullptr) {
    queries = Rotate(queries, rotation->query_real, rotation->query_imaginary);
    keys = Rotate(keys, rotation->key_real, rotation->key_imaginary);
  }
  cache.keys.narrow(2, window.past, steps).copy_(keys);
  cache.values.narrow(2, window.past, steps).copy_(SplitHeads(parts[2], num_kv_heads_));
  const auto attended = [&](const at::Tensor& all) {
    return RepeatHeads(all.narrow(2, window.past - window.kept, window.kept + steps), num_heads_);
  };
  const Attention attention{explicit_, as_float32_, steps > 1 && !window.mask.defined(), window.mask};
  const at::Tensor heads = attention(queries, attended(cache.keys), attended(cache.values), out_proj_.precision);
  return out_proj_(heads.transpose(1, 2).reshape(x.sizes()));
}

CrossAttention CrossAttention::Load(const architecture::LmSpec& spec, const TensorTable& tensors,
                                    const std::string& name, const Placement& placement) {
  const at::Device device = placement.device;
  CrossAttention attention;
  const Linear packed = LoadPacked(spec, tensors, name, placement);
  attention.queries_ = packed.Rows(0, spec.dim);
  attention.keys_and_values_ = packed.Rows(spec.dim, 2 * spec.dim);
  attention.out_proj_ = LoadOut(spec, tensors, name, placement);
  attention.explicit_ = IsExplicit(spec);
  attention.as_float32_ = spec.attention_as_float32;
  attention.num_heads_ = spec.num_heads;
  if (spec.qk_layer_norm_cross) {
    attention.q_norm_ = Norm::Load(tensors, name + ".q_layer_norm", device);
    attention.k_norm_ = Norm::Load(tensors, name + ".k_layer_norm", device);
  }
  return attention;
}

KeysAndValues CrossAttention::Attend(const at::Tensor& condition) const {
  const auto parts = keys_and_values_(condition).chunk(2, -1);
  const at::Tensor keys = k_norm_.defined() ? k_norm_(parts[0]) : parts[0];
  return {SplitHeads(keys, num_heads_).contiguous(), SplitHeads(parts[1], num_heads_).contiguous()};
}

at::Tensor CrossAttention::operator()(const at::Tensor& x, const KeysAndValues& condition) const {
  at::Tensor queries = queries_(x);
  if (q_norm_.defined()) queries = q_norm_(queries);
  const Attention attention{explicit_, as_float32_, /*causal=*/false, {}};
  const at::Tensor heads =
      attention(SplitHeads(queries, num_heads_), condition.keys, condition.values, out_proj_.precision);
  return out_proj_(heads.transpose(1, 2).reshape(x.sizes()));
}

}  // namespace harness::model
