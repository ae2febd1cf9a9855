#include "harness/model/t5_encoder.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace harness::model {

T5Encoder T5Encoder::Build(const architecture::T5Spec& spec, const TensorTable& tensors, const std::string& prefix,
                           at::Device device) {
  T5Encoder encoder(spec, device);
  const std::string root = prefix + "encoder.";
  const auto get = [&](const std::string& name) { return tensors.Float(root + name + ".weight", device); };
  // A state dict holds it twice, and this name is loaded last.
  encoder.embedding_ = get("embed_tokens");
  encoder.final_norm_ = get("final_layer_norm");
  for (int64_t i = 0; i < spec.num_layers; ++i) {
    const std::string layer = fmt::format("block.{}.layer.", i);
    const std::string attention = layer + "0.SelfAttention.", dense = layer + "1.DenseReluDense.";
    if (i == 0) encoder.position_bias_ = get(attention + "relative_attention_bias");
    Block block;
    block.attention_norm = get(layer + "0.layer_norm");
    block.q = get(attention + "q");
    block.k = get(attention + "k");
    block.v = get(attention + "v");
    block.o = get(attention + "o");
    block.dense_norm = get(layer + "1.layer_norm");
    block.wi = get(dense + (spec.gated ? "wi_1" : "wi"));
    if (spec.gated) block.gate = get(dense + "wi_0");
    block.wo = get(dense + "wo");
    encoder.blocks_.push_back(std::move(block));
  }
  return encoder;
}

at::Tensor T5Encoder::Norm(const at::Tensor& states, const at::Tensor& weight) const {
  return weight * (states * at::rsqrt(states.pow(2).mean(-1, true) + spec_.layer_norm_epsilon));
}

at::Tensor T5Encoder::Activate(const at::Tensor& states) const {
  switch (spec_.activation) {
    case architecture::T5Spec::Activation::kRelu: return at::relu(states);
    case architecture::T5Spec::Activation::kGelu: return at::gelu(states);
    case architecture::T5Spec::Activation::kGeluTanh: return at::gelu(states, "tanh");
    case architecture::T5Spec::Activation::kSilu: return at::silu(states);
  }
  TORCH_CHECK(false, "an activation without a function");
}

// [1, H, L, L]: for each query (row) and key. Half of the buckets are for keys behind the query, half for those before;
// of each, half are one position wide, and the others grow with the logarithm of the distance.
at::Tensor T5Encoder::PositionBias(int64_t length) const {
  const int64_t side = spec_.relative_attention_num_buckets / 2, exact = side / 2;
  const at::Tensor position = at::arange(length, at::TensorOptions().dtype(at::kLong).device(device_));
  const at::Tensor relative = position.unsqueeze(0) - position.unsqueeze(1);  // [L, L], key - query
  const at::Tensor distance = relative.abs();
  const double range =
      std::log(static_cast<double>(spec_.relative_attention_max_distance) / static_cast<double>(exact));
  at::Tensor far = (at::log(distance.to(at::kFloat) / exact) / range * (side - exact));
  far = (far.to(at::kLong) + exact).clamp_max(side - 1);  // log(0) is never taken: those are near
  const at::Tensor bucket = at::where(distance < exact, distance, far) + (relative > 0).to(at::kLong) * side;
  return at::embedding(position_bias_, bucket).permute({2, 0, 1}).unsqueeze(0);
}

Result<at::Tensor> T5Encoder::Forward(const at::Tensor& ids, const at::Tensor& mask) const {
  const int64_t batch = ids.size(0), length = ids.size(1);
  if (length > kMaxTokens) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("a text of {} tokens is longer than the {} that this suite encodes", length, kMaxTokens)};
  }
  if (batch == 0 || length == 0) return at::zeros({batch, length, spec_.d_model}, device_);
  const auto highest = ids.max().item<int64_t>(), lowest = ids.min().item<int64_t>();
  if (lowest < 0 || highest >= spec_.vocab_size) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("token {} is beyond the vocab_size of {} in T5's config.json: the tokenizer is that of "
                             "another model, or has more added tokens than the model",
                             lowest < 0 ? lowest : highest, spec_.vocab_size)};
  }
  at::Tensor states = at::embedding(embedding_, ids.to(device_));
  const at::Tensor hidden = (1 - mask.to(device_, at::kFloat)) * std::numeric_limits<float>::lowest();
  const at::Tensor bias = PositionBias(length) + hidden.view({batch, 1, 1, length});
  const auto heads = [&](const at::Tensor& projected) {
    return projected.view({batch, length, spec_.num_heads, spec_.d_kv}).transpose(1, 2);
  };
  for (const Block& block : blocks_) {
    const at::Tensor input = Norm(states, block.attention_norm);
    const at::Tensor q = heads(at::linear(input, block.q)), k = heads(at::linear(input, block.k));
    const at::Tensor weights = at::softmax(at::matmul(q, k.transpose(2, 3)) + bias, -1);
    const at::Tensor attended = at::matmul(weights, heads(at::linear(input, block.v))).transpose(1, 2);
    states = states + at::linear(attended.reshape({batch, length, spec_.num_heads * spec_.d_kv}), block.o);
    const at::Tensor dense = Norm(states, block.dense_norm);
    const at::Tensor inner = spec_.gated ? Activate(at::linear(dense, block.gate)) * at::linear(dense, block.wi)
                                         : Activate(at::linear(dense, block.wi));
    states = states + at::linear(inner, block.wo);
  }
  return Norm(states, final_norm_);
}

}  // namespace harness::model
