#include "harness/model/attention.h"

#include <ATen/ATen.h>

namespace harness {
namespace {

// [B, S, n E] -> [B, n, S, E]
at::Tensor SplitHeads(const at::Tensor& x, int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, -1}).transpose(1, 2);
}

Linear LoadPacked(const LmSpec& spec, const TensorTable& tensors, const std::string& name, at::Device device) {
  const std::string inner = spec.packed_attention() ? name : name + ".mha";
  Linear packed{tensors.Weight(inner + ".in_proj_weight", device), {}};
  if (tensors.Has(inner + ".in_proj_bias")) packed.bias = tensors.Float(inner + ".in_proj_bias", device);
  return packed;
}

Linear LoadOut(const LmSpec& spec, const TensorTable& tensors, const std::string& name, at::Device device) {
  return Linear::Load(tensors, (spec.packed_attention() ? name : name + ".mha") + ".out_proj", device);
}

// Query head h uses the keys and values of head h / (H / G), as expand_repeated_kv lays them out.
at::Tensor RepeatHeads(const at::Tensor& x, int64_t heads) {
  if (x.size(1) == heads) return x;
  const int64_t repeats = heads / x.size(1);
  return x.unsqueeze(2)
      .expand({x.size(0), x.size(1), repeats, x.size(2), x.size(3)})
      .reshape({x.size(0), heads, x.size(2), x.size(3)});
}

}  // namespace

SelfAttention SelfAttention::Load(const LmSpec& spec, const TensorTable& tensors, const std::string& name,
                                  at::Device device) {
  SelfAttention attention;
  attention.in_proj_ = LoadPacked(spec, tensors, name, device);
  attention.out_proj_ = LoadOut(spec, tensors, name, device);
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
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  const at::Tensor keys = at::empty({batch, num_kv_heads_, capacity, head_dim}, options);
  return {keys, at::empty_like(keys)};
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
  const bool masked = window.mask.defined();
  const at::Tensor heads = at::scaled_dot_product_attention(
      queries, attended(cache.keys), attended(cache.values),
      masked ? std::optional<at::Tensor>(window.mask) : std::nullopt, /*dropout_p=*/0.0,
      /*is_causal=*/steps > 1 && !masked);
  return out_proj_(heads.transpose(1, 2).reshape(x.sizes()));
}

CrossAttention CrossAttention::Load(const LmSpec& spec, const TensorTable& tensors, const std::string& name,
                                    at::Device device) {
  CrossAttention attention;
  const Linear packed = LoadPacked(spec, tensors, name, device);
  attention.queries_ = packed.Rows(0, spec.dim);
  attention.keys_and_values_ = packed.Rows(spec.dim, 2 * spec.dim);
  attention.out_proj_ = LoadOut(spec, tensors, name, device);
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
  const at::Tensor heads =
      at::scaled_dot_product_attention(SplitHeads(queries, num_heads_), condition.keys, condition.values);
  return out_proj_(heads.transpose(1, 2).reshape(x.sizes()));
}

}  // namespace harness
