#include "harness/model/language_model.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

namespace harness::model {
namespace {

at::Tensor Scaled(const at::Tensor& scale, const at::Tensor& x) { return scale.defined() ? scale * x : x; }

// `output`, once `observer` has seen it. The name is put together only where somebody looks.
at::Tensor Seen(const LayerObserver& observer, const std::string& layer, const char* leaf, at::Tensor output) {
  if (observer) observer(layer + leaf, output);
  return output;
}

}  // namespace

Result<LanguageModel> LanguageModel::Build(const architecture::LmSpec& spec, const TensorTable& tensors,
                                           const Placement& placement) {
  const at::Device device = placement.device;
  const Precision precision = placement.precision;
  if (!spec.not_run.empty()) {
    return Error{ErrorCode::kUnsupported, fmt::format("generation does not run {} yet", fmt::join(spec.not_run, ", "))};
  }
  LanguageModel model(spec, device, precision);
  for (int64_t k = 0; k < spec.num_codebooks; ++k) {
    model.embeddings_.push_back(tensors.Weight(fmt::format("emb.{}.weight", k), device));
  }
  model.heads_ = Heads::Load(tensors, "linears", spec.num_codebooks, placement);
  model.rotary_ = RotaryEmbedding::Load(spec, tensors, device);
  for (int64_t i = 0; i < spec.num_layers; ++i) {
    const std::string name = fmt::format("transformer.layers.{}", i);
    const auto scale = [&](const char* leaf) {
      const std::string tensor = fmt::format("{}.{}.scale", name, leaf);
      if (!spec.has_layer_scale) return at::Tensor();
      return precision == Precision::kFloat32 ? tensors.Float(tensor, device) : tensors.Half(tensor, device);
    };
    Layer layer;
    layer.name = name;
    layer.self_attention = SelfAttention::Load(spec, tensors, name + ".self_attn", placement);
    layer.linear1 = Linear::Load(tensors, name + ".linear1", placement);
    layer.linear2 = Linear::Load(tensors, name + ".linear2", placement);
    layer.norm1 = Norm::Load(tensors, name + ".norm1", device, precision);
    layer.norm2 = Norm::Load(tensors, name + ".norm2", device, precision);
    layer.scale1 = scale("layer_scale_1");
    layer.scale2 = scale("layer_scale_2");
    if (spec.cross_attention) {
      layer.cross_attention = CrossAttention::Load(spec, tensors, name + ".cross_attention", placement);
      layer.norm_cross = Norm::Load(tensors, name + ".norm_cross", device, precision);
      layer.scale_cross = scale("layer_scale_cross");
    }
    model.layers_.push_back(std::move(layer));
  }
  if (spec.norm_first) model.out_norm_ = Norm::Load(tensors, "out_norm", device);
  return model;
}

Status LanguageModel::CheckGeneration(const LmConditions& conditions, int64_t first_steps, int64_t num_steps) const {
  const bool more = num_steps > first_steps;
  HARNESS_RETURN_IF_ERROR(CheckFused(spec_.fuser, conditions, first_steps, more));
  const int64_t prefix = Fuse(spec_.fuser, conditions).prefix;
  if (first_steps + prefix == 0) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("codebooks_pattern.{}.empty_initial is {}: the pattern starts without a step of special "
                             "tokens, and nothing is prepended to it: LMModel.generate raises an IndexError, having no "
                             "logits to take a first token from",
                             spec_.pattern.modeling, spec_.pattern.empty_initial)};
  }
  // StreamingMultiheadAttention._complete_kv drops what is older than past_context from dimension 1. That is time, but
  // with memory_efficient it is heads: the pass after the first drop can't append to what is left.
  const int64_t limit = spec_.past_context.value_or(std::numeric_limits<int64_t>::max());
  if (spec_.memory_efficient && more && prefix + num_steps - 1 > limit) {
    return Error{
        ErrorCode::kMismatch,
        fmt::format("transformer_lm.past_context is {}, and transformer_lm.memory_efficient true: streaming then drops "
                    "attention heads in place of old steps, and step {} of the {} that are generated here raises a "
                    "RuntimeError (Sizes of tensors must match except in dimension 2)",
                    limit, limit + 2, prefix + num_steps),
        "Set transformer_lm.memory_efficient: false with transformer_lm.custom: true in xp.cfg; the tensors are the same"};
  }
  return {};
}

LmState LanguageModel::Start(const LmConditions& conditions, int64_t batch, int64_t max_steps) const {
  LmState state;
  const auto type = precision_ == Precision::kFloat32 ? at::kFloat : at::kHalf;
  LmConditions cast;
  for (const Condition& condition : conditions) cast.push_back({condition.name, condition.embedding.to(device_, type)});
  state.conditions = Fuse(spec_.fuser, cast);
  TORCH_CHECK(state.conditions.cross.defined() == spec_.cross_attention,
              "a model with cross-attention, and no other, needs a condition to attend to");
  state.batch = batch;
  state.capacity = state.conditions.prefix + max_steps;
  for (const Layer& layer : layers_) {
    LmState::Layer cache;
    cache.self = layer.self_attention.NewCache(batch, state.capacity, device_);
    if (spec_.cross_attention) cache.cross = layer.cross_attention.Attend(state.conditions.cross);
    state.layers.push_back(std::move(cache));
  }
  return state;
}

Window LanguageModel::WindowOf(const LmState& state, int64_t steps) const {
  Window window{state.position, state.kept, {}};
  // memory_efficient attention is causal, and otherwise blind to past_context.
  if (!spec_.past_context || spec_.memory_efficient || steps <= *spec_.past_context + 1) return window;
  if (steps == 1) return window;
  const at::Tensor all = at::ones({steps, steps}, at::TensorOptions().dtype(at::kBool).device(device_));
  const at::Tensor seen = at::logical_and(at::tril(all), at::triu(all, -*spec_.past_context));
  window.mask = at::zeros({steps, steps}, at::TensorOptions().dtype(at::kFloat).device(device_))
                    .masked_fill(at::logical_not(seen), -std::numeric_limits<double>::infinity());
  return window;
}

void LanguageModel::Advance(LmState& state, int64_t steps) const {
  state.position += steps;
  const int64_t seen = state.kept + steps;
  const int64_t dropped = spec_.past_context ? std::max(int64_t{0}, seen - *spec_.past_context) : 0;
  state.kept = seen - dropped;
  // The first pass starts the count at 0 whatever it dropped, and what is kept is measured along dimension 1: steps, or
  // heads where attention is memory_efficient. Queries and stored keys are then turned by unequal offsets: the
  // reference generates so.
  if (state.started) state.rotary_offset += dropped;
  state.rotary_position =
      state.rotary_offset + (spec_.memory_efficient ? spec_.num_heads / spec_.kv_repeat : state.kept);
  state.started = true;
}

at::Tensor LanguageModel::FeedForward(const Layer& layer, const at::Tensor& x, const LayerObserver& observer) const {
  const at::Tensor hidden = Seen(observer, layer.name, ".linear1", layer.linear1(x));
  const at::Tensor active = spec_.activation == "gelu" ? at::gelu(hidden) : at::relu(hidden);
  return Scaled(layer.scale2, Seen(observer, layer.name, ".linear2", layer.linear2(active)));
}

at::Tensor LanguageModel::RunLayer(const Layer& layer, const at::Tensor& input, LmState::Layer& state,
                                   const Window& window, const Rotation* rotation,
                                   const LayerObserver& observer) const {
  const auto attend = [&](const at::Tensor& x) {
    return Scaled(layer.scale1,
                  Seen(observer, layer.name, ".self_attn", layer.self_attention(x, state.self, window, rotation)));
  };
  const auto attend_cross = [&](const at::Tensor& x) {
    return Scaled(layer.scale_cross,
                  Seen(observer, layer.name, ".cross_attention", layer.cross_attention(x, state.cross)));
  };
  if (spec_.norm_first) {
    at::Tensor x = input + attend(layer.norm1(input));
    if (spec_.cross_attention) x = x + attend_cross(layer.norm_cross(x));
    return x + FeedForward(layer, layer.norm2(x), observer);
  }
  at::Tensor x = layer.norm1(input + attend(input));
  // The reference takes the layer's input here, not what self-attention made of it.
  if (spec_.cross_attention) x = layer.norm_cross(x + attend_cross(input));
  return layer.norm2(x + FeedForward(layer, x, observer));
}

at::Tensor LanguageModel::Forward(const at::Tensor& codes, LmState& state, const LayerObserver& observer) const {
  const int64_t steps = codes.size(2);
  TORCH_CHECK(codes.size(0) == state.batch && codes.size(1) == spec_.num_codebooks, "codes must be [B, K, S]");
  TORCH_CHECK(steps == 1 || !state.started, "several steps at once only from an empty state");
  at::Tensor x;
  for (int64_t k = 0; k < spec_.num_codebooks; ++k) {
    const at::Tensor embedded = at::embedding(embeddings_[static_cast<size_t>(k)], codes.select(1, k)).to(at::kFloat);
    x = k == 0 ? embedded : x + embedded;
  }
  if (observer) observer("emb", x);
  x = state.conditions.Apply(x, /*first=*/!state.started);
  const int64_t total = x.size(1);
  TORCH_CHECK(total > 0, "no step to run");
  TORCH_CHECK(state.position + total <= state.capacity, "the state has room for ", state.capacity, " steps");
  if (spec_.sinusoidal()) {
    x = x + spec_.positional_scale * ComputeSinEmbedding(state.position, total, spec_.dim, spec_.max_period, device_);
  }
  std::optional<Rotation> rotation;
  if (rotary_) rotation = rotary_->At(state.rotary_position, total);
  const Window window = WindowOf(state, total);
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = RunLayer(layers_[i], x, state.layers[i], window, rotation ? &*rotation : nullptr, observer);
    if (observer) observer(layers_[i].name, x);
  }
  Advance(state, total);
  if (steps > 0 && steps < total) x = x.narrow(1, total - steps, steps);
  if (out_norm_.defined()) x = Seen(observer, "out_norm", "", out_norm_(x));
  const at::Tensor logits = heads_(x);
  for (int64_t k = 0; observer && k < logits.size(1); ++k) observer(fmt::format("linears.{}", k), logits.select(1, k));
  return logits;
}

}  // namespace harness::model
