#include <fmt/format.h>

#include "harness/architecture/conditioner_tensors.h"
#include "harness/architecture/lm_spec.h"

namespace harness::architecture {
namespace {

class LmTensorList {
 public:
  explicit LmTensorList(const LmSpec& spec) : spec_(spec) {}

  std::vector<TensorSpec> Build() && {
    for (const ConditionerSpec& conditioner : spec_.conditioners) {
      AppendConditionerTensors(conditioner, spec_.dim, list_);
    }
    for (int64_t k = 0; k < spec_.num_codebooks; ++k) {
      Add("embeddings", fmt::format("emb.{}.weight", k), {spec_.cardinality + 1, spec_.dim},
          "transformer_lm.card + 1, transformer_lm.dim");
    }
    const bool rotary = spec_.rotary();
    if (rotary) Rotary("transformer.rope");
    for (int64_t layer = 0; layer < spec_.num_layers; ++layer)
      Layer(fmt::format("transformer.layers.{}", layer), rotary);
    if (spec_.norm_first) Norm("heads", "out_norm", spec_.dim, "transformer_lm.norm_first, dim");
    for (int64_t k = 0; k < spec_.num_codebooks; ++k) {
      Linear("heads", fmt::format("linears.{}", k), spec_.cardinality, spec_.dim, spec_.bias_proj,
             "transformer_lm.card, transformer_lm.dim", "transformer_lm.bias_proj");
    }
    return std::move(list_);
  }

 private:
  static constexpr const char* kDim = "transformer_lm.dim";

  void Add(std::string group, std::string name, std::vector<int64_t> shape, std::string origin,
           std::vector<std::string> aliases = {}) {
    list_.push_back({.name = std::move(name),
                     .shape = std::move(shape),
                     .group = std::move(group),
                     .origin = std::move(origin),
                     .aliases = std::move(aliases)});
  }

  void Linear(const std::string& group, const std::string& name, int64_t out, int64_t in, bool bias,
              const std::string& origin, const std::string& bias_origin) {
    Add(group, name + ".weight", {out, in}, origin);
    if (bias) Add(group, name + ".bias", {out}, bias_origin);
  }

  void Norm(const std::string& group, const std::string& name, int64_t dim, const std::string& origin) {
    Add(group, name + ".weight", {dim}, origin);
    Add(group, name + ".bias", {dim}, origin);
  }

  void Rotary(const std::string& name) {
    const int64_t half = spec_.dim / spec_.num_heads / 2;
    const std::string origin = "transformer_lm.dim / num_heads / 2";
    Add("transformer", name + ".frequencies", {half}, origin);
    if (spec_.xpos) Add("transformer", name + ".xpos.decay_rates", {half}, origin);
  }

  // StreamingMultiheadAttention: its own packed projection, or nn.MultiheadAttention as `mha` (the prefix is optional).
  void Attention(const std::string& name, bool cross) {
    const int64_t kv = spec_.dim / spec_.num_heads * (spec_.num_heads / (cross ? 1 : spec_.kv_repeat));
    const std::string inner = spec_.packed_attention() ? "" : "mha.";
    const auto add = [&](const std::string& leaf, std::vector<int64_t> shape, const std::string& origin) {
      std::vector<std::string> aliases;
      if (!inner.empty()) aliases.push_back(name + "." + leaf);
      Add("transformer", name + "." + inner + leaf, std::move(shape), origin, std::move(aliases));
    };
    add("in_proj_weight", {spec_.dim + 2 * kv, spec_.dim}, "transformer_lm.dim * 3, transformer_lm.dim");
    if (spec_.bias_attn) add("in_proj_bias", {spec_.dim + 2 * kv}, "transformer_lm.bias_attn, dim * 3");
    add("out_proj.weight", {spec_.dim, spec_.dim}, kDim);
    if (spec_.bias_attn) add("out_proj.bias", {spec_.dim}, "transformer_lm.bias_attn, dim");
    if (cross ? spec_.qk_layer_norm_cross : spec_.qk_layer_norm) {
      Norm("transformer", name + ".q_layer_norm", spec_.dim, kDim);
      Norm("transformer", name + ".k_layer_norm", spec_.dim, kDim);
    }
  }

  void Layer(const std::string& name, bool rotary) {
    Attention(name + ".self_attn", false);
    if (rotary) Rotary(name + ".self_attn.rope");
    const std::string ff = "transformer_lm.hidden_scale * dim, transformer_lm.dim";
    Linear("transformer", name + ".linear1", spec_.hidden_dim, spec_.dim, spec_.bias_ff, ff, "transformer_lm.bias_ff");
    Linear("transformer", name + ".linear2", spec_.dim, spec_.hidden_dim, spec_.bias_ff, ff, "transformer_lm.bias_ff");
    Norm("transformer", name + ".norm1", spec_.dim, kDim);
    Norm("transformer", name + ".norm2", spec_.dim, kDim);
    Scale(name + ".layer_scale_1");
    Scale(name + ".layer_scale_2");
    if (!spec_.cross_attention) return;
    Attention(name + ".cross_attention", true);
    Norm("transformer", name + ".norm_cross", spec_.dim, kDim);
    Scale(name + ".layer_scale_cross");
  }

  void Scale(const std::string& name) {
    if (spec_.has_layer_scale) Add("transformer", name + ".scale", {spec_.dim}, "transformer_lm.layer_scale, dim");
  }

  const LmSpec& spec_;
  std::vector<TensorSpec> list_;
};

}  // namespace

std::vector<TensorSpec> ListLmTensors(const LmSpec& spec) { return LmTensorList(spec).Build(); }

}  // namespace harness::architecture
