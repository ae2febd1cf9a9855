#include "harness/architecture/conditioner_spec.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

#include "harness/architecture/conditioner_options.h"
#include "harness/base/safe_text.h"

namespace harness {
namespace {

// Members of torch.nn.ModuleDict 2.1 without an underscore in front, each between spaces: it refuses a conditioner of
// such a name.
constexpr std::string_view kModuleDictMembers =
    " T_destination add_module apply bfloat16 buffers call_super_init children clear compile cpu cuda double"
    " dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu"
    " items keys load_state_dict modules named_buffers named_children named_modules named_parameters parameters"
    " pop register_backward_hook register_buffer register_forward_hook register_forward_pre_hook"
    " register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook"
    " register_module register_parameter register_state_dict_pre_hook requires_grad_ set_extra_state share_memory"
    " state_dict to to_empty train training type update values xpu zero_grad ";

void CheckName(const std::string& name, const std::string& path, OptionProblems& problems) {
  const bool taken =
      name.find(' ') == std::string::npos && kModuleDictMembers.find(" " + name + " ") != std::string_view::npos;
  if (taken || name.empty() || name.find('.') != std::string::npos) {
    problems.wrong.push_back(
        fmt::format("{}: a conditioner can't be called '{}' (KeyError when it is built)", path, name));
  }
}

// load_lm_model looks for conditioners.self_wav.chroma_stem.cache_path, whatever the model is: OmegaConf.set_struct
// takes nothing but a mapping or a list there.
void CheckLookups(const ConfigValue& tree, OptionProblems& problems) {
  const ConfigValue* self_wav = tree.Find("self_wav");
  const ConfigValue* chroma =
      self_wav != nullptr && AsMap(*self_wav) != nullptr ? self_wav->Find("chroma_stem") : nullptr;
  if (chroma == nullptr || AsMap(*chroma) != nullptr || std::holds_alternative<ConfigValue::List>(chroma->data)) return;
  problems.wrong.push_back(
      fmt::format("conditioners.self_wav.chroma_stem must be a mapping or absent, found {}: "
                  "get_pretrained looks for cache_path in it (AttributeError)",
                  chroma->Describe()));
}

// The problem is noted and nothing returned where the entry can't be read.
std::optional<ConditionerSpec> ReadConditioner(const std::string& name, const ConfigValue& entry,
                                               double segment_duration_s, OptionProblems& problems) {
  const std::string path = "conditioners." + name;
  CheckName(name, path, problems);
  ConditionerSpec conditioner;
  conditioner.name = name;
  OptionReader options(*AsMap(entry), path, "get_conditioner_provider", problems);
  const size_t wrong_before = problems.wrong.size();
  conditioner.model = options.Choice("model", std::nullopt, {"t5", "lut", "chroma_stem", "clap", "style"});
  if (problems.wrong.size() > wrong_before) return std::nullopt;
  const ConfigValue* arguments = entry.Find(conditioner.model);
  if (arguments == nullptr || AsMap(*arguments) == nullptr) {
    options.Wrong(conditioner.model, arguments == nullptr
                                         ? "is missing: the arguments of the conditioner"
                                         : fmt::format("must be a mapping, found {}", arguments->Describe()));
    return std::nullopt;
  }
  const ConfigValue::Map& map = *AsMap(*arguments);
  const std::string where = path + "." + conditioner.model;
  if (conditioner.model == "t5") ReadT5Options(map, where, conditioner, problems);
  if (conditioner.model == "lut") ReadLutOptions(map, where, conditioner, problems);
  if (conditioner.model == "chroma_stem") ReadChromaOptions(map, where, segment_duration_s, conditioner, problems);
  if (conditioner.model == "style") ReadStyleOptions(map, where, conditioner, problems);
  if (conditioner.model == "clap") ReadClapOptions(map, where, conditioner, problems);
  return conditioner;
}

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

std::vector<ConditionerSpec> ReadConditioners(const Config& config, OptionProblems& problems) {
  std::vector<ConditionerSpec> conditioners;
  if (!config.Has("conditioners")) {
    problems.wrong.push_back("conditioners is missing (an empty mapping means none)");
    return conditioners;
  }
  if (auto value = config.Get("conditioners"); value.ok() && value->is_null()) {
    problems.wrong.push_back(
        "conditioners is null: training takes that for no conditioner, but get_pretrained looks for self_wav in it "
        "(TypeError \"argument of type 'NoneType' is not iterable\"); write an empty mapping, conditioners: {}");
    return conditioners;
  }
  // Deleted by the loader before anything reads them.
  const Config cleaned = config.Without("conditioners.self_wav.chroma_stem.cache_path")
                             .Without("conditioners.args.merge_text_conditions_p")
                             .Without("conditioners.args.drop_desc_p");
  const auto tree = ReadMapping(cleaned, "conditioners", problems);
  if (!tree) return conditioners;
  CheckLookups(*tree, problems);
  if (AsMap(*tree)->size() > kMaxConditioners) {
    problems.unsupported.push_back(
        fmt::format("conditioners has {} entries; this suite reads up to {}", AsMap(*tree)->size(), kMaxConditioners));
    return conditioners;
  }
  // What is wrong with it is told by who reads it first.
  auto segment_duration = config.GetFloat("dataset.segment_duration");
  const double segment_duration_s = segment_duration.ok() ? *segment_duration : 0;
  for (const auto& [name, entry] : *AsMap(*tree)) {
    if (name.size() > kMaxConditionerName) {  // it stands in every message and in every tensor's name
      problems.unsupported.push_back(
          fmt::format("conditioners has a name of {} bytes ({}...); this suite reads names of "
                      "up to {}",
                      name.size(), Printable(name, 40), kMaxConditionerName));
      continue;
    }
    const ConfigValue::Map* map = AsMap(entry);
    if (map == nullptr) {
      problems.wrong.push_back(fmt::format("conditioners.{} must be a mapping, found {}", name, entry.Describe()));
    } else if (name == "args") {  // ConditioningProvider(conditioners, device=device, **args)
      OptionReader(*map, "conditioners.args", "ConditioningProvider", problems).Finish();
    } else if (auto conditioner = ReadConditioner(name, entry, segment_duration_s, problems)) {
      conditioners.push_back(*std::move(conditioner));
    }
  }
  return conditioners;
}

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
