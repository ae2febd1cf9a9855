#include "harness/architecture/conditioner_spec.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

namespace harness {
namespace {

class ConditionerTensors {
 public:
  ConditionerTensors(const ConditionerSpec& spec, int64_t dim, std::vector<TensorSpec>& list)
      : spec_(spec),
        dim_(dim),
        list_(list),
        prefix_("condition_provider.conditioners." + spec.name + "."),
        key_("conditioners." + spec.name + "." + spec.model + ".") {}

  void Append() {
    Add("output_proj.weight", {dim_, spec_.input_dim}, "transformer_lm.dim, " + InputOrigin());
    Add("output_proj.bias", {dim_}, "transformer_lm.dim");
    list_.insert(list_.end(), spec_.t5_tensors.begin(), spec_.t5_tensors.end());
    if (spec_.lut) Add("embed.weight", {spec_.lut->bins, spec_.input_dim}, key_ + "n_bins, " + key_ + "dim");
    if (spec_.chroma) Add("chroma.spec.window", {spec_.chroma->window_length}, key_ + "radix2_exp or winlen");
    if (spec_.style) Style(*spec_.style);
    Quantizer(spec_.style ? "rvq" : "quantizer");
  }

 private:
  std::string InputOrigin() const {
    if (spec_.model == "t5") return fmt::format("width of {}name = {}", key_, spec_.t5_name);
    if (spec_.model == "chroma_stem") return key_ + "n_chroma";
    return key_ + (spec_.model == "style" ? "transformer_scale" : "dim");
  }

  void Add(const std::string& leaf, std::vector<int64_t> shape, const std::string& origin, bool training_only = false) {
    list_.push_back({.name = prefix_ + leaf,
                     .shape = std::move(shape),
                     .group = "conditioners",
                     .origin = origin,
                     .training_only = training_only});
  }

  void Style(const StyleSpec& style) {
    const int64_t dim = spec_.input_dim;
    const std::string scale = key_ + "transformer_scale";
    if (style.mert) {
      Add("embed.weight", {dim, 768}, scale + ", width of MERT");
      Add("embed.bias", {dim}, scale);
    } else if (style.feature_cardinality) {
      for (int64_t k = 0; k < style.feature_codebooks; ++k) {
        Add(fmt::format("embed.{}.weight", k), {*style.feature_cardinality, dim},
            fmt::format("codebook size of {0}encodec_checkpoint, {0}encodec_n_q, {1}", key_, scale));
      }
    }
    for (int64_t layer = 0; layer < style.layers; ++layer) {
      const std::string name = fmt::format("transformer.layers.{}.", layer);
      Add(name + "self_attn.in_proj_weight", {3 * dim, dim}, scale);
      Add(name + "self_attn.out_proj.weight", {dim, dim}, scale);
      Add(name + "linear1.weight", {4 * dim, dim}, scale);
      Add(name + "linear2.weight", {dim, 4 * dim}, scale);
      for (const char* norm : {"norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"})
        Add(name + norm, {dim}, scale);
    }
    if (!style.batch_norm) return;
    Add("batch_norm.running_mean", {dim}, key_ + "batch_norm, " + scale);
    Add("batch_norm.running_var", {dim}, key_ + "batch_norm, " + scale);
    Add("batch_norm.num_batches_tracked", {}, key_ + "batch_norm", true);
  }

  // ResidualVectorQuantizer; see CodecTensors.
  void Quantizer(const std::string& name) {
    const int64_t bins = spec_.quantizer.cardinality, dim = spec_.input_dim;
    const std::string count = key_ + (spec_.style ? "n_q_out" : "n_q"), size = key_ + "bins";
    for (int64_t k = 0; k < spec_.quantizer.codebooks; ++k) {
      const std::string codebook = fmt::format("{}.vq.layers.{}._codebook.", name, k);
      Add(codebook + "inited", {1}, count, true);
      Add(codebook + "cluster_size", {bins}, size, true);
      Add(codebook + "embed", {bins, dim}, size + ", " + count);
      Add(codebook + "embed_avg", {bins, dim}, size, true);
    }
  }

  const ConditionerSpec& spec_;
  int64_t dim_;
  std::vector<TensorSpec>& list_;
  std::string prefix_, key_;
};

}  // namespace

int64_t MostTensors(const ConditionerSpec& conditioner) {
  constexpr int64_t kOwn = 8, kOfLayer = 8, kOfCodebook = 4;
  int64_t count = kOwn + kOfCodebook * conditioner.quantizer.codebooks;
  if (conditioner.style) count += conditioner.style->feature_codebooks + kOfLayer * conditioner.style->layers;
  return count + static_cast<int64_t>(conditioner.t5_tensors.size());
}

std::string T5Prefix(const std::string& conditioner) {
  return "condition_provider.conditioners." + conditioner + ".t5.";
}

std::optional<int64_t> T5Dim(const std::string& name) {
  // T5Conditioner.MODELS and MODELS_DIMS; flan-t5-xl and -xxl stand in the first, but not in the second (KeyError).
  static constexpr std::array<std::pair<std::string_view, int64_t>, 8> kModels = {{
      {"t5-small", 512},
      {"t5-base", 768},
      {"t5-large", 1024},
      {"t5-3b", 1024},
      {"t5-11b", 1024},
      {"google/flan-t5-small", 512},
      {"google/flan-t5-base", 768},
      {"google/flan-t5-large", 1024},
  }};
  for (const auto& [known, dim] : kModels) {
    if (known == name) return dim;
  }
  return std::nullopt;
}

void AppendConditionerTensors(const ConditionerSpec& conditioner, int64_t dim, std::vector<TensorSpec>& list) {
  ConditionerTensors(conditioner, dim, list).Append();
}

std::vector<std::string> UncheckedPrefixes(const std::vector<ConditionerSpec>& conditioners) {
  std::vector<std::string> prefixes;
  for (const ConditionerSpec& conditioner : conditioners) {
    const std::string prefix = "condition_provider.conditioners." + conditioner.name;
    if (conditioner.finetune && conditioner.t5_tensors.empty()) prefixes.push_back(prefix + ".t5.");
    if (conditioner.style && !conditioner.style->mert && !conditioner.style->feature_cardinality)
      prefixes.push_back(prefix + ".embed.");
  }
  return prefixes;
}

}  // namespace harness
