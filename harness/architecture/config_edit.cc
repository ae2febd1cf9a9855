#include "harness/architecture/config_edit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

#include "harness/architecture/lm_spec.h"

namespace harness {
namespace {

// Numbers beyond any model, which a file may hold all the same, make no candidate.
constexpr int64_t kLargest = int64_t{1} << 24;

// What the file has, by name.
class Found {
 public:
  explicit Found(const std::vector<FoundTensor>& tensors) {
    for (const FoundTensor& tensor : tensors) {
      names_.push_back(tensor.name);
      shapes_[tensor.name] = &tensor.shape;
    }
  }
  bool Has(const std::string& name) const { return shapes_.contains(name); }
  // The size of a dimension, 0 where the tensor or the dimension isn't there.
  int64_t Size(const std::string& name, size_t dimension) const {
    const auto found = shapes_.find(name);
    return found == shapes_.end() || dimension >= found->second->size() ? 0 : (*found->second)[dimension];
  }
  // Modules of a list. Each has a tensor at least: a larger number stands in a name that no list explains.
  int Count(std::string_view prefix) const {
    const int count = CountModules(names_, prefix);
    return static_cast<size_t>(count) <= names_.size() ? count : 0;
  }
  bool AnyWith(std::string_view part) const {
    return std::any_of(names_.begin(), names_.end(),
                       [&](const std::string& name) { return name.find(part) != std::string::npos; });
  }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, const std::vector<int64_t>*> shapes_;
};

class Edits {
 public:
  explicit Edits(const Config& config) : config_(config) {}

  // The value is set in place: a ConfigValue that moves makes GCC 12 warn of what is not there.
  ConfigValue& Add(std::string key) {
    ConfigEdit& edit = list_.emplace_back();
    edit.key = std::move(key);
    return edit.value;
  }
  void Number(const std::string& key, int64_t value, int64_t least = 1) {
    if (value >= least && value <= kLargest) Add(key).data = value;
  }
  void Flag(const std::string& key, bool value) { Add(key).data = value; }
  void Text(const std::string& key, const char* value) { Add(key).data = std::string(value); }
  // An edit that changes nothing is no suggestion.
  std::vector<ConfigEdit> Take() {
    std::erase_if(list_, [&](const ConfigEdit& edit) {
      const auto present = config_.Get(edit.key);
      return present.ok() && YamlText(*present) == YamlText(edit.value);
    });
    return std::move(list_);
  }

 private:
  const Config& config_;
  std::vector<ConfigEdit> list_;
};

void ConditionerEdits(const LmSpec& spec, const Found& found, Edits& edits) {
  for (const ConditionerSpec& conditioner : spec.conditioners) {
    const std::string key = "conditioners." + conditioner.name + ".";
    const std::string prefix = "condition_provider.conditioners." + conditioner.name + ".";
    const int64_t width = found.Size(prefix + "output_proj.weight", 1);
    if (conditioner.model == "t5") {
      for (const char* name : {"t5-small", "t5-base", "t5-large", "google/flan-t5-small"}) {
        if (T5Dim(name) == width) edits.Text(key + "t5.name", name);
      }
      edits.Flag(key + "t5.finetune", found.AnyWith(prefix + "t5."));
    }
    if (conditioner.model == "chroma_stem") edits.Number(key + "chroma_stem.n_chroma", width);
    if (conditioner.model == "lut") edits.Number(key + "lut.n_bins", found.Size(prefix + "embed.weight", 0));
  }
}

// Stages of a SEANet decoder, read off its transposed convolutions: each kernel is twice the ratio.
ConfigValue::List Ratios(const Found& found) {
  std::vector<std::pair<int, int64_t>> by_module;
  for (const char* leaf : {".convtr.convtr.weight_v", ".convtr.convtr.weight"}) {
    const int modules = std::min(found.Count("decoder.model."), 200);
    for (int i = 0; i < modules; ++i) {
      const int64_t kernel = found.Size(fmt::format("decoder.model.{}{}", i, leaf), 2);
      if (kernel > 0 && kernel % 2 == 0) by_module.emplace_back(i, kernel / 2);
    }
  }
  std::sort(by_module.begin(), by_module.end());
  ConfigValue::List ratios;
  for (const auto& [module, ratio] : by_module) ratios.emplace_back().data = ratio;
  return ratios;
}

// A dimension of a convolution's weight, whatever its norm.
int64_t ConvSize(const Found& found, const std::string& conv, size_t dimension) {
  for (const char* leaf : {".weight_v", ".weight", ".weight_orig"}) {
    if (const int64_t size = found.Size(conv + leaf, dimension); size > 0) return size;
  }
  return 0;
}

}  // namespace

std::string YamlText(const ConfigValue& value) {
  if (value.is_null()) return "null";
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value.data)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&value.data)) return fmt::format("{}", *number);
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  std::vector<std::string> items;
  if (const auto* list = std::get_if<ConfigValue::List>(&value.data)) {
    for (const ConfigValue& item : *list) items.push_back(YamlText(item));
  }
  return fmt::format("[{}]", fmt::join(items, ", "));
}

std::string ConfigEdit::Text() const { return fmt::format("{}: {}", key, YamlText(value)); }

std::vector<ConfigEdit> LmEdits(const Config& config, const std::vector<FoundTensor>& tensors) {
  const auto spec = DescribeLm(config);
  if (!spec.ok()) return {};
  const Found found(tensors);
  Edits edits(config);
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
  ConfigValue& scale = edits.Add("transformer_lm.layer_scale");
  if (any(".layer_scale_1.scale")) scale.data = 0.0001;
  for (const char* kind : {"sin", "rope", "sin_rope"}) edits.Text("transformer_lm.positional_embedding", kind);
  edits.Flag("transformer_lm.xpos", any(".xpos.decay_rates"));
  for (const bool on : {true, false}) {
    edits.Flag("transformer_lm.memory_efficient", on);
    edits.Flag("transformer_lm.custom", on);
  }
  ConditionerEdits(*spec, found, edits);
  return edits.Take();
}

std::vector<ConfigEdit> CodecEdits(const Config& config, const std::vector<FoundTensor>& tensors) {
  const Found found(tensors);
  Edits edits(config);
  const ConfigValue::List ratios = Ratios(found);
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

std::optional<ConfigEdit> FirstThatAgrees(const Config& config, const std::vector<ConfigEdit>& edits,
                                          const Trial& agrees) {
  for (const ConfigEdit& edit : edits) {
    if (agrees(config.With(edit.key, edit.value))) return edit;
  }
  return std::nullopt;
}

}  // namespace harness
