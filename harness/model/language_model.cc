#include "harness/model/language_model.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "harness/model/few_rows.h"

namespace harness {
namespace {

// create_sin_embedding: [1, S, D] for the positions from `start` on; cosines first.
at::Tensor SinEmbedding(int64_t start, int64_t steps, int64_t dim, double max_period, at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  const int64_t half = dim / 2;
  const at::Tensor positions = at::arange(start, start + steps, options).view({1, -1, 1});
  const at::Tensor exponents = at::arange(half, options).view({1, 1, -1}) / static_cast<double>(half - 1);
  const at::Tensor phase = positions / at::pow(at::full({}, max_period, options), exponents);
  return at::cat({at::cos(phase), at::sin(phase)}, -1);
}

}  // namespace

at::Tensor LanguageModel::Linear::operator()(const at::Tensor& x) const {
  if (IsFewRows(x, weight)) return FewRowsLinear(x, weight, bias);
  const at::Tensor cast = weight.to(x.scalar_type());
  return bias.defined() ? at::linear(x, cast, bias) : at::linear(x, cast);
}

at::Tensor LanguageModel::Norm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, /*eps=*/1e-5);
}

Result<LanguageModel> LanguageModel::Build(const LmSpec& spec, const TensorTable& tensors, at::Device device) {
  if (!spec.not_run.empty()) {
    return Error{ErrorCode::kUnsupported, fmt::format("generation does not run {} yet", fmt::join(spec.not_run, ", "))};
  }
  LanguageModel model(spec, device);
  const auto tensor = [&](const std::string& name) { return tensors.Float(name, device); };
  const auto weight = [&](const std::string& name) { return tensors.Weight(name, device); };
  const auto linear = [&](const std::string& name) {
    Linear result{weight(name + ".weight"), {}};
    if (tensors.Has(name + ".bias")) result.bias = tensor(name + ".bias");
    return result;
  };
  const auto norm = [&](const std::string& name) { return Norm{tensor(name + ".weight"), tensor(name + ".bias")}; };
  const auto attention = [&](const std::string& name) {
    const std::string inner = spec.packed_attention() ? name : name + ".mha";
    Attention result;
    result.in_proj.weight = weight(inner + ".in_proj_weight");
    if (tensors.Has(inner + ".in_proj_bias")) result.in_proj.bias = tensor(inner + ".in_proj_bias");
    result.out_proj = linear(inner + ".out_proj");
    return result;
  };
  for (int64_t k = 0; k < spec.num_codebooks; ++k) {
    model.embeddings_.push_back(weight(fmt::format("emb.{}.weight", k)));
    model.heads_.push_back(linear(fmt::format("linears.{}", k)));
  }
  for (int64_t i = 0; i < spec.num_layers; ++i) {
    const std::string name = fmt::format("transformer.layers.{}", i);
    Layer layer;
    layer.self_attention = attention(name + ".self_attn");
    layer.linear1 = linear(name + ".linear1");
    layer.linear2 = linear(name + ".linear2");
    layer.norm1 = norm(name + ".norm1");
    layer.norm2 = norm(name + ".norm2");
    if (spec.cross_attention) {
      layer.cross_attention = attention(name + ".cross_attention");
      layer.norm_cross = norm(name + ".norm_cross");
    }
    model.layers_.push_back(std::move(layer));
  }
  if (spec.norm_first) model.out_norm_ = norm("out_norm");
  return model;
}

at::Tensor LanguageModel::SplitHeads(const at::Tensor& x) const {
  return x.view({x.size(0), x.size(1), spec_.num_heads, -1}).transpose(1, 2);
}

LmState LanguageModel::Start(const LmConditions& conditions, int64_t batch, int64_t max_steps) const {
  std::vector<at::Tensor> attended;
  for (const Condition& condition : conditions) attended.push_back(condition.embedding);
  TORCH_CHECK(attended.empty() != spec_.cross_attention,
              "a model with cross-attention, and no other, needs a condition to attend to");
  const at::Tensor cross = attended.empty() ? at::Tensor() : at::cat(attended, 1);
  LmState state;
  state.batch = batch;
  state.capacity = max_steps;
  const int64_t dim = spec_.dim;
  for (const Layer& layer : layers_) {
    LmState::Layer cache;
    const std::vector<int64_t> shape = {batch, spec_.num_heads, max_steps, dim / spec_.num_heads};
    cache.keys = at::empty(shape, at::TensorOptions().dtype(at::kFloat).device(device_));
    cache.values = at::empty_like(cache.keys);
    if (spec_.cross_attention) {
      const Linear& packed = layer.cross_attention.in_proj;
      Linear both{packed.weight.narrow(0, dim, 2 * dim), {}};
      if (packed.bias.defined()) both.bias = packed.bias.narrow(0, dim, 2 * dim);
      const auto parts = both(cross).chunk(2, -1);
      cache.cross_keys = SplitHeads(parts[0]).contiguous();
      cache.cross_values = SplitHeads(parts[1]).contiguous();
    }
    state.layers.push_back(std::move(cache));
  }
  return state;
}

at::Tensor LanguageModel::SelfAttention(const Attention& attention, const at::Tensor& x, LmState::Layer& state,
                                        int64_t past) const {
  const int64_t steps = x.size(1);
  const auto parts = attention.in_proj(x).chunk(3, -1);
  state.keys.narrow(2, past, steps).copy_(SplitHeads(parts[1]));
  state.values.narrow(2, past, steps).copy_(SplitHeads(parts[2]));
  const at::Tensor heads = at::scaled_dot_product_attention(
      SplitHeads(parts[0]), state.keys.narrow(2, 0, past + steps), state.values.narrow(2, 0, past + steps),
      /*attn_mask=*/{}, /*dropout_p=*/0.0, /*is_causal=*/steps > 1);
  return attention.out_proj(heads.transpose(1, 2).reshape(x.sizes()));
}

at::Tensor LanguageModel::CrossAttention(const Attention& attention, const at::Tensor& x,
                                         const LmState::Layer& state) const {
  Linear queries{attention.in_proj.weight.narrow(0, 0, spec_.dim), {}};
  if (attention.in_proj.bias.defined()) queries.bias = attention.in_proj.bias.narrow(0, 0, spec_.dim);
  const at::Tensor heads =
      at::scaled_dot_product_attention(SplitHeads(queries(x)), state.cross_keys, state.cross_values);
  return attention.out_proj(heads.transpose(1, 2).reshape(x.sizes()));
}

at::Tensor LanguageModel::Forward(const at::Tensor& codes, LmState& state) const {
  const int64_t steps = codes.size(2), past = state.position;
  TORCH_CHECK(codes.size(0) == state.batch && codes.size(1) == spec_.num_codebooks, "codes must be [B, K, S]");
  TORCH_CHECK(past + steps <= state.capacity, "the state has room for ", state.capacity, " steps");
  TORCH_CHECK(steps == 1 || past == 0, "several steps at once only from an empty state");
  at::Tensor x;
  for (int64_t k = 0; k < spec_.num_codebooks; ++k) {
    const at::Tensor embedded = at::embedding(embeddings_[static_cast<size_t>(k)], codes.select(1, k)).to(at::kFloat);
    x = k == 0 ? embedded : x + embedded;
  }
  x = x + spec_.positional_scale * SinEmbedding(past, steps, spec_.dim, spec_.max_period, device_);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    x = x + SelfAttention(layer.self_attention, layer.norm1(x), state.layers[i], past);
    if (spec_.cross_attention) x = x + CrossAttention(layer.cross_attention, layer.norm_cross(x), state.layers[i]);
    const at::Tensor hidden = layer.linear1(layer.norm2(x));
    x = x + layer.linear2(spec_.activation == "gelu" ? at::gelu(hidden) : at::relu(hidden));
  }
  if (out_norm_.weight.defined()) x = out_norm_(x);
  state.position += steps;
  std::vector<at::Tensor> logits;
  for (const Linear& head : heads_) logits.push_back(head(x));
  return at::stack(logits, 1);
}

}  // namespace harness
