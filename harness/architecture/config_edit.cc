#include "harness/architecture/config_edit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "harness/architecture/conditioner_kind.h"
#include "harness/architecture/edit_candidates.h"
#include "harness/architecture/lm_spec.h"

namespace harness::architecture {
namespace {

// Stages of a SEANet decoder, read off its transposed convolutions: each kernel is twice the ratio.
config::ConfigValue::List Ratios(const FoundShapes& found) {
  std::vector<std::pair<int, int64_t>> by_module;
  for (const char* leaf : {".convtr.convtr.weight_v", ".convtr.convtr.weight"}) {
    const int modules = std::min(found.Count("decoder.model."), 200);
    for (int i = 0; i < modules; ++i) {
      const int64_t kernel = found.Size(fmt::format("decoder.model.{}{}", i, leaf), 2);
      if (kernel > 0 && kernel % 2 == 0) by_module.emplace_back(i, kernel / 2);
    }
  }
  std::sort(by_module.begin(), by_module.end());
  config::ConfigValue::List ratios;
  for (const auto& [module, ratio] : by_module) ratios.emplace_back().data = ratio;
  return ratios;
}

// A dimension of a convolution's weight, whatever its norm.
int64_t ConvSize(const FoundShapes& found, const std::string& conv, size_t dimension) {
  for (const char* leaf : {".weight_v", ".weight", ".weight_orig"}) {
    if (const int64_t size = found.Size(conv + leaf, dimension); size > 0) return size;
  }
  return 0;
}

}  // namespace

std::vector<ConfigEdit> ListLmEdits(const config::Config& config, const std::vector<FoundTensor>& tensors) {
  const auto spec = DescribeLm(config);
  if (!spec.ok()) return {};
  const FoundShapes found(tensors);
  EditCandidates edits(config);
  const std::string layer = "transformer.layers.0.";
  const auto any = [&](const char* leaf) { return found.AnyWith(leaf); };
  edits.Number("transformer_lm.num_layers", found.Count("transformer.layers."));
  edits.Number("transformer_lm.card", found.Size("emb.0.weight", 0) - 1);
  edits.Number("transformer_lm.dim", found.Size("emb.0.weight", 1));
  edits.Number("transformer_lm.n_q", found.Count("emb."));
  if (const int64_t hidden = found.Size(layer + "linear1.weight", 0); hidden > 0 && hidden % spec->dim == 0) {
    edits.Number("transformer_lm.hidden_scale", hidden / spec->dim);
  }
  if (const int64_t width = found.Size(layer + "self_attn.in_proj_weight", 0) - spec->dim;
      width > 0 && (2 * spec->dim) % width == 0) {
    edits.Number("transformer_lm.kv_repeat", 2 * spec->dim / width);
  }
  for (const char* frequencies : {"transformer.rope.frequencies", "transformer.layers.0.self_attn.rope.frequencies"}) {
    if (const int64_t half = found.Size(frequencies, 0); half > 0 && spec->dim % (2 * half) == 0) {
      edits.Number("transformer_lm.num_heads", spec->dim / (2 * half));
    }
  }
  edits.Flag("transformer_lm.bias_ff", any(".linear1.bias"));
  edits.Flag("transformer_lm.bias_attn", any(".in_proj_bias"));
  edits.Flag("transformer_lm.bias_proj", found.Has("linears.0.bias"));
  edits.Flag("transformer_lm.norm_first", any("out_norm."));
  edits.Flag("transformer_lm.qk_layer_norm", any(".self_attn.q_layer_norm"));
  edits.Flag("transformer_lm.qk_layer_norm_cross", any(".cross_attention.q_layer_norm"));
  // What a layer scale begins with is overwritten by the weights.
  config::ConfigValue& scale = edits.Add("transformer_lm.layer_scale");
  if (any(".layer_scale_1.scale")) scale.data = 0.0001;
  for (const char* kind : {"sin", "rope", "sin_rope"}) edits.Text("transformer_lm.positional_embedding", kind);
  edits.Flag("transformer_lm.xpos", any(".xpos.decay_rates"));
  for (const bool on : {true, false}) {
    edits.Flag("transformer_lm.memory_efficient", on);
    edits.Flag("transformer_lm.custom", on);
  }
  for (const ConditionerSpec& conditioner : spec->conditioners) {
    const ConditionerKind& kind = FindConditionerKind(conditioner);
    if (kind.add_edits == nullptr) continue;
    kind.add_edits({.key = fmt::format("conditioners.{}.{}.", conditioner.name, kind.model),
                    .prefix = ConditionerPrefix(conditioner.name),
                    .found = found,
                    .edits = edits});
  }
  return edits.Take();
}

std::vector<ConfigEdit> ListCodecEdits(const config::Config& config, const std::vector<FoundTensor>& tensors) {
  const FoundShapes found(tensors);
  EditCandidates edits(config);
  const config::ConfigValue::List ratios = Ratios(found);
  const std::string codebook = "quantizer.vq.layers.0._codebook.embed";
  if (!ratios.empty()) edits.Add("seanet.ratios").data = ratios;
  edits.Number("seanet.n_filters", ConvSize(found, "encoder.model.0.conv.conv", 0));
  edits.Number("seanet.dimension", ConvSize(found, "decoder.model.0.conv.conv", 1));
  edits.Number("rvq.n_q", found.Count("quantizer.vq.layers."));
  edits.Number("rvq.bins", found.Size(codebook, 0));
  if (const int64_t channels = ConvSize(found, "encoder.model.0.conv.conv", 1); config.Has("channels")) {
    edits.Number("channels", channels);
  }
  edits.Number("seanet.channels", ConvSize(found, "encoder.model.0.conv.conv", 1));
  for (const char* norm : {"weight_norm", "none", "time_group_norm", "spectral_norm"}) edits.Text("seanet.norm", norm);
  for (int64_t count = 0; count <= 4; ++count) {
    edits.Number("seanet.lstm", count, 0);
    edits.Number("seanet.n_residual_layers", count, 0);
    edits.Number("seanet.compress", count);
  }
  edits.Number("seanet.kernel_size", ConvSize(found, "encoder.model.0.conv.conv", 2));
  const int last = found.Count("decoder.model.") - 1;
  edits.Number("seanet.last_kernel_size", ConvSize(found, fmt::format("decoder.model.{}.conv.conv", last), 2));
  edits.Number("seanet.residual_kernel_size", ConvSize(found, "encoder.model.1.block.1.conv.conv", 2));
  for (const bool on : {true, false}) edits.Flag("seanet.true_skip", on);
  if (const int64_t width = ConvSize(found, "decoder.model.0.conv.conv", 0);
      ratios.size() < 20 && width % (int64_t{1} << ratios.size()) == 0) {
    edits.Number("seanet.decoder.n_filters", width >> ratios.size());
  }
  return edits.Take();
}

std::optional<ConfigEdit> FindFirstAgreeing(const config::Config& config, const std::vector<ConfigEdit>& edits,
                                            const Trial& agrees) {
  for (const ConfigEdit& edit : edits) {
    if (agrees(config.With(edit.key, edit.value))) return edit;
  }
  return std::nullopt;
}

}  // namespace harness::architecture
