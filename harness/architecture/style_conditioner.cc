// StyleConditioner: audiocraft 1.4.0a2, modules/conditioners.py.
#include <fmt/format.h>

#include <map>
#include <utility>

#include "harness/architecture/conditioner_kind.h"
#include "harness/architecture/known_codecs.h"

namespace harness::architecture {
namespace {

void ReadStyle(const ConditionerArguments& arguments, ConditionerSpec& conditioner, config::OptionProblems& problems) {
  config::OptionReader options(arguments.map, arguments.path, "StyleConditioner", problems);
  StyleOptions style;
  style.mert = options.Choice("model_name", std::nullopt, {"encodec", "mert"}) == "mert";
  struct Scale {
    int64_t dim, layers;
  };
  static const std::map<std::string, Scale> scales = {
      {"xsmall", {256, 4}}, {"default", {512, 8}}, {"large", {1024, 24}}, {"none", {512, 0}}};
  const Scale scale = scales.at(options.Choice("transformer_scale", "default", {"default", "xsmall", "large", "none"}));
  conditioner.input_dim = scale.dim;
  conditioner.input_origin = options.Path("transformer_scale");
  style.layers = scale.layers;
  style.batch_norm = !options.Has("batch_norm") || config::IsTruthy(options.Raw("batch_norm"));
  options.Ignore({"batch_norm"});

  const int64_t codebooks = options.Int("n_q_out", 6, -config::OptionReader::kMaxSize, 4096);
  const int64_t bins = options.Int("bins", 1024);
  const int64_t eval_q = options.Int("eval_q", 3, -config::OptionReader::kMaxSize);
  if (codebooks > 0) {
    style.quantizer = {.codebooks = codebooks, .cardinality = bins};
    if (eval_q < 1 || eval_q > codebooks) {
      options.Wrong("eval_q", fmt::format("must be between 1 and n_q_out = {}, found {}: an assertion in every "
                                          "generation",
                                          codebooks, eval_q));
    }
  }
  options.Int("ds_factor", 15);
  options.Float("sample_rate", std::nullopt);
  options.Float("length", std::nullopt);
  const std::string checkpoint = options.String("encodec_checkpoint", std::nullopt);
  if (style.mert) {
    options.Ignore({"encodec_n_q"});
    conditioner.fetches.emplace_back("MERT m-a-p/MERT-v1-95M (from the hub, with code of its own)");
  } else {
    style.feature_codebooks = options.Int("encodec_n_q", 4, 0, 4096);
    const std::string prefix = "//pretrained/";
    if (checkpoint.starts_with(prefix)) {
      style.feature_codec = checkpoint.substr(prefix.size());
      const KnownCodec* known = FindKnownCodec(style.feature_codec);
      if (known != nullptr) style.feature_cardinality = known->facts.cardinality;
      conditioner.fetches.push_back(fmt::format("codec {} (from the hub)", style.feature_codec));
    } else if (!checkpoint.empty()) {
      options.Unsupported("encodec_checkpoint",
                          fmt::format("is '{}', a checkpoint that is not in the export: get_pretrained looks it up on "
                                      "the machine where it runs",
                                      checkpoint));
    }
  }
  options.Ignore({"q_dropout", "varying_lengths", "rvq_threshold_ema_dead_code", "compute_mask",
                  "use_middle_of_segment", "ds_rate_compression", "num_codebooks_lm"});
  options.Finish();
  conditioner.options = std::move(style);
}

void AppendStyleTensors(const ConditionerSpec& conditioner, ConditionerTensors& tensors) {
  const auto& style = std::get<StyleOptions>(conditioner.options);
  const int64_t dim = conditioner.input_dim;
  const std::string scale = tensors.Key("transformer_scale");
  if (style.mert) {
    tensors.Add("embed.weight", {dim, 768}, scale + ", width of MERT");
    tensors.Add("embed.bias", {dim}, scale);
  } else if (style.feature_cardinality) {
    for (int64_t k = 0; k < style.feature_codebooks; ++k) {
      tensors.Add(fmt::format("embed.{}.weight", k), {*style.feature_cardinality, dim},
                  fmt::format("codebook size of {}, {}, {}", tensors.Key("encodec_checkpoint"),
                              tensors.Key("encodec_n_q"), scale));
    }
  }
  for (int64_t layer = 0; layer < style.layers; ++layer) {
    const std::string name = fmt::format("transformer.layers.{}.", layer);
    tensors.Add(name + "self_attn.in_proj_weight", {3 * dim, dim}, scale);
    tensors.Add(name + "self_attn.out_proj.weight", {dim, dim}, scale);
    tensors.Add(name + "linear1.weight", {4 * dim, dim}, scale);
    tensors.Add(name + "linear2.weight", {dim, 4 * dim}, scale);
    for (const char* norm : {"norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"})
      tensors.Add(name + norm, {dim}, scale);
  }
  if (style.batch_norm) {
    const std::string origin = tensors.Key("batch_norm");
    tensors.Add("batch_norm.running_mean", {dim}, origin + ", " + scale);
    tensors.Add("batch_norm.running_var", {dim}, origin + ", " + scale);
    tensors.Add("batch_norm.num_batches_tracked", {}, origin, true);
  }
  tensors.AddQuantizer("rvq", style.quantizer, "n_q_out");
}

int64_t CountStyleTensors(const ConditionerSpec& conditioner) {
  const auto& style = std::get<StyleOptions>(conditioner.options);
  constexpr int64_t kOfLayer = 8, kOfCodebook = 4;
  return style.feature_codebooks + kOfLayer * style.layers + kOfCodebook * style.quantizer.codebooks;
}

std::optional<std::string> FindUncheckedStyle(const ConditionerSpec& conditioner) {
  const auto& style = std::get<StyleOptions>(conditioner.options);
  return !style.mert && !style.feature_cardinality ? std::optional<std::string>("embed.") : std::nullopt;
}

void AddStyleEdits(const ConditionerEdits& e) {
  e.edits.Number(e.key + "bins", e.found.Size(e.prefix + "rvq.vq.layers.0._codebook.embed", 0));
}

}  // namespace

const ConditionerKind StyleOptions::kKind = {.model = "style",
                                             .input = ConditionerInput::kWave,
                                             .needs_audiocraft = "1.4",
                                             .read = ReadStyle,
                                             .append_tensors = AppendStyleTensors,
                                             .more_tensors = CountStyleTensors,
                                             .unchecked = FindUncheckedStyle,
                                             .add_edits = AddStyleEdits};

}  // namespace harness::architecture
