#include "harness/architecture/lm_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "harness/architecture/conditioner_kind.h"
#include "harness/architecture/conditioner_tensors.h"
#include "harness/architecture/read_conditioners.h"
#include "harness/config/option_reader.h"

namespace harness::architecture {
namespace {

constexpr const char* kNeedsPacked = "needs custom or memory_efficient attention (assertion)";
constexpr const char* kPack = "Set transformer_lm.memory_efficient: true in xp.cfg";

// transformer_lm -> LMModel(**kwargs) and, through it, StreamingTransformer and nn.TransformerEncoderLayer.
void ReadTransformer(config::OptionReader& options, LmSpec& spec, std::optional<std::string>& q_modeling) {
  spec.num_codebooks = options.Int("n_q", std::nullopt, 1, 4096);
  spec.cardinality = options.Int("card", 1024);
  spec.dim = options.Int("dim", std::nullopt, 2, int64_t{1} << 20);
  spec.num_heads = options.Int("num_heads", 8, 1, int64_t{1} << 20);
  spec.num_layers = options.Int("num_layers", std::nullopt, 1, 10000);
  const double hidden_scale = options.Float("hidden_scale", 4);
  const double hidden_dim = std::trunc(hidden_scale * static_cast<double>(spec.dim));
  if (hidden_dim >= 1 && hidden_dim <= static_cast<double>(config::OptionReader::kMaxSize)) {
    spec.hidden_dim = static_cast<int64_t>(hidden_dim);
  } else {
    options.Wrong("hidden_scale", fmt::format("gives a feed-forward width of {} with dim {}", hidden_dim, spec.dim));
  }
  if (options.all_right() && spec.dim % spec.num_heads != 0) {
    options.Wrong("num_heads", fmt::format("must divide dim, found {} and {}", spec.num_heads, spec.dim),
                  "Set transformer_lm.num_heads and dim to what the model was trained with");
  }
  if (spec.dim % 2 != 0) options.Wrong("dim", fmt::format("must be even, found {}", spec.dim));

  spec.norm_first = options.Bool("norm_first", false);
  spec.bias_ff = options.Bool("bias_ff", true);
  spec.bias_attn = options.Bool("bias_attn", true);
  spec.bias_proj = options.Bool("bias_proj", true);
  spec.causal = options.Bool("causal", false);
  spec.custom = options.Bool("custom", false);
  spec.memory_efficient = options.Bool("memory_efficient", false);
  spec.attention_as_float32 = options.Bool("attention_as_float32", false);
  spec.cross_attention = options.Bool("cross_attention", false);
  spec.qk_layer_norm = options.Bool("qk_layer_norm", false);
  spec.qk_layer_norm_cross = options.Bool("qk_layer_norm_cross", false);
  spec.two_step_cfg = options.Bool("two_step_cfg", false);
  spec.xpos = options.Bool("xpos", false);
  spec.has_layer_scale = options.NullableFloat("layer_scale").has_value();
  spec.past_context = options.NullableInt("past_context");
  spec.kv_repeat = options.Int("kv_repeat", 1, 1, 1024);
  spec.max_period = options.Float("max_period", 10000);
  spec.positional_scale = options.Float("positional_scale", 1);
  spec.positional_embedding = options.Choice("positional_embedding", "sin", {"sin", "rope", "sin_rope"});
  spec.activation = options.Choice("activation", "relu", {"relu", "gelu", "reglu", "geglu", "swiglu"});
  if (spec.activation.ends_with("glu")) {
    options.Wrong("activation",
                  fmt::format("'{}' halves the feed-forward width, and linear2 takes it whole: the model "
                              "loads, and its first step raises a RuntimeError (mat1 and mat2 shapes "
                              "cannot be multiplied)",
                              spec.activation),
                  "Set transformer_lm.activation to what the model was trained with: only relu and gelu run");
  }
  options.Choice("norm", "layer_norm", {"layer_norm"});
  const std::string checkpointing =
      options.Choice("checkpointing", "none", {"none", "torch", "xformers_default", "xformers_mm"});
  if (checkpointing.starts_with("xformers")) {
    options.Wrong("checkpointing",
                  fmt::format("'{}' needs a build of xformers that is not public (ImportError when the model is built)",
                              checkpointing),
                  "Set transformer_lm.checkpointing to none, which changes nothing but training");
  }

  // Initialisation only, but asserted when the model is built (LMModel._init_weights).
  const auto weight_init = options.NullableString("weight_init");
  const auto depthwise_init = options.NullableString("depthwise_init");
  const bool zero_bias_init = config::IsTruthy(options.Raw("zero_bias_init"));  // nothing of it is left after loading
  if (weight_init && *weight_init != "gaussian" && *weight_init != "uniform") {
    options.Wrong("weight_init", fmt::format("must be gaussian, uniform or null, found '{}'", *weight_init));
  }
  if (depthwise_init && *depthwise_init != "current" && *depthwise_init != "global") {
    options.Wrong("depthwise_init", fmt::format("must be current, global or null, found '{}'", *depthwise_init));
  }
  if (!weight_init && (depthwise_init || zero_bias_init)) {
    options.Wrong("weight_init",
                  "must be set where depthwise_init or zero_bias_init is (an assertion when it is built)");
  }
  const double dropout = options.Float("dropout", 0.1);
  const auto attention_dropout = options.NullableFloat("attention_dropout");
  if (!(dropout >= 0 && dropout <= 1)) {
    options.Wrong("dropout", fmt::format("must be between 0 and 1 (ValueError when it is built), found {}", dropout));
  }
  // F.dropout compares before it looks at `training`; the other two attentions never call it here.
  if (spec.custom && !spec.memory_efficient && attention_dropout &&
      !(*attention_dropout >= 0 && *attention_dropout <= 1)) {
    options.Wrong("attention_dropout", fmt::format("must be between 0 and 1 (ValueError in custom attention), found {}",
                                                   *attention_dropout));
  }
  q_modeling = options.NullableString("q_modeling");
  options.Ignore({"emb_lr", "lr", "weight_decay", "layer_norm_eps"});

  if (!spec.causal) {
    options.Wrong(
        "causal",
        "must be true: generation streams, and raises \"Streaming only available for causal or cross attention\"",
        "Set transformer_lm.causal: true in xp.cfg");
  }
  if (!spec.packed_attention()) {
    if (spec.qk_layer_norm) options.Wrong("qk_layer_norm", kNeedsPacked, kPack);
    if (spec.kv_repeat != 1) options.Wrong("kv_repeat", kNeedsPacked, kPack);
    if (spec.positional_embedding != "sin") {
      options.Wrong("positional_embedding", fmt::format("'{}' {}", spec.positional_embedding, kNeedsPacked), kPack);
    }
  }
  if (spec.positional_embedding != "sin" && spec.dim / spec.num_heads % 2 != 0) {
    options.Wrong("positional_embedding", fmt::format("'{}' needs an even dim / num_heads (assertion), found {}",
                                                      spec.positional_embedding, spec.dim / spec.num_heads));
  }
  if (spec.past_context && *spec.past_context < 0) {
    options.Wrong("past_context", fmt::format("must not be negative, found {}: nothing is left to attend to, and every "
                                              "logit is NaN",
                                              *spec.past_context));
  }
  if (spec.num_heads % spec.kv_repeat != 0) {
    options.Wrong("kv_repeat",
                  fmt::format("must divide num_heads (assertion), found {} and {}", spec.kv_repeat, spec.num_heads),
                  "Set transformer_lm.kv_repeat and num_heads to what the model was trained with");
  }
  if (spec.qk_layer_norm && spec.kv_repeat != 1) options.Wrong("qk_layer_norm", "excludes kv_repeat (assertion)");
}

// What the tensors follow, but generation does not run yet.
void ListWhatIsNotRun(LmSpec& spec) {
  const auto note = [&](bool present, const std::string& option) {
    if (present) spec.not_run.push_back(option);
  };
  for (const ConditionerSpec& conditioner : spec.conditioners) {
    const ConditionerKind& kind = FindConditionerKind(conditioner);
    note(!kind.runs, fmt::format("conditioners.{}.model={}", conditioner.name, kind.model));
  }
}

void ReadWrap(const config::Config& config, LmSpec& spec, config::OptionProblems& problems) {
  if (config.Has("interleave_stereo_codebooks")) {
    if (const auto tree = config::ReadMapping(config, "interleave_stereo_codebooks", problems)) {
      config::OptionReader options(*config::AsMap(*tree), "interleave_stereo_codebooks",
                                   "InterleaveStereoCompressionModel", problems);
      spec.interleave_stereo = options.Bool("use", std::nullopt);
      if (spec.interleave_stereo) {  // else nothing more is looked at
        spec.stereo_per_timestep = options.Bool("per_timestep", false);
        options.Finish();
      }
    }
  }
  if (config.Has("compression_model_n_q")) {
    auto value = config.Get("compression_model_n_q");
    const int64_t* number = value.ok() ? std::get_if<int64_t>(&value->data) : nullptr;
    const bool* flag = value.ok() ? std::get_if<bool>(&value->data) : nullptr;
    if ((number != nullptr || flag != nullptr) && !value->environment.empty()) {
      problems.AddEnvironment("compression_model_n_q", value->environment);
    } else if (number != nullptr || flag != nullptr) {
      spec.compression_model_n_q = number != nullptr ? *number : *flag ? 1 : 0;
    } else if (!value.ok()) {
      problems.wrong.push_back({"compression_model_n_q", value.error().message, value.error().remedy});
    } else if (!value->is_null()) {
      problems.AddWrong("compression_model_n_q", "must be an integer or null, found " + value->Describe());
    }
  }
}

// Reads one number outside transformer_lm; absent or ill-typed is a problem.
void ReadNumber(const config::Config& config, const std::string& path, double& number,
                config::OptionProblems& problems) {
  auto value = config.GetFloat(path);
  if (value.ok()) {
    number = *value;
  } else {
    problems.AddError(path, value.error());
  }
}

// Both are looked up when the model is built. The dropout is training's: any value does. MusicGen brings a coefficient
// of its own; in two steps this one is taken, and what is not a number raises there (here: NaN).
void ReadGuidance(const config::Config& config, LmSpec& spec, config::OptionProblems& problems) {
  const auto tree = config::ReadMapping(config, "classifier_free_guidance", problems);
  if (!tree) return;
  config::OptionReader options(*config::AsMap(*tree), "classifier_free_guidance", "get_lm_model", problems);
  for (const char* key : {"training_dropout", "inference_coef"}) {
    if (!options.Has(key)) options.Wrong(key, "is missing: get_lm_model needs it");
  }
  const config::ConfigValue* coef = options.Raw("inference_coef");
  if (coef == nullptr || options.IsOfEnvironment("inference_coef", *coef)) return;
  spec.cfg_coef = std::nan("");
  if (const auto* number = std::get_if<double>(&coef->data)) spec.cfg_coef = *number;
  if (const auto* number = std::get_if<int64_t>(&coef->data)) spec.cfg_coef = static_cast<double>(*number);
  if (const auto* flag = std::get_if<bool>(&coef->data)) spec.cfg_coef = *flag ? 1 : 0;
}

// AttributeDropout makes a dict of each entry; what the dicts hold is used in training only.
void CheckAttributeDropout(const config::Config& config, config::OptionProblems& problems) {
  const auto tree = config::ReadMapping(config, "attribute_dropout", problems);
  if (!tree) return;
  for (const auto& [name, value] : *config::AsMap(*tree)) {
    const auto* text = std::get_if<std::string>(&value.data);
    const auto* list = std::get_if<config::ConfigValue::List>(&value.data);
    if (config::AsMap(value) != nullptr || (text != nullptr && text->empty()) || (list != nullptr && list->empty()))
      continue;
    problems.AddWrong("attribute_dropout." + name,
                      fmt::format("must be a mapping of names to probabilities, found {} (TypeError or ValueError when "
                                  "the model is built)",
                                  value.Describe()),
                      fmt::format("Write {{}} in attribute_dropout.{} where there are none", name));
  }
}

// The list of tensors is sized by numbers of the config: it is counted before it is made.
void CheckTensorCount(const LmSpec& spec, config::OptionProblems& problems) {
  constexpr int64_t kOfLayer = 32, kOfCodebook = 3, kOther = 8;  // at most
  int64_t count = kOther + kOfLayer * spec.num_layers + kOfCodebook * spec.num_codebooks;
  for (const ConditionerSpec& conditioner : spec.conditioners) count += CountMostTensors(conditioner);
  if (count <= kMaxTensors) return;
  problems.AddUnsupported(
      "transformer_lm", fmt::format("(num_layers {}, n_q {}) and {} conditioners imply up to {} tensors; this suite "
                                    "compares {}, a hundred times those of the largest MusicGen",
                                    spec.num_layers, spec.num_codebooks, spec.conditioners.size(), count, kMaxTensors));
}

}  // namespace

Result<LmSpec> DescribeLm(const config::Config& config) {
  LmSpec spec;
  config::OptionProblems problems;
  auto lm_model = config.GetString("lm_model");
  if (!lm_model.ok()) return lm_model.error();
  const auto stranger = [&](std::string_view what, std::string remedy) {
    return Error{
        ErrorCode::kMismatch, fmt::format("{}: lm_model {}", config.source(), what), std::move(remedy), {"lm_model"}};
  };
  if (*lm_model == "transformer_lm_magnet") {
    // audiocraft 1.3.0, models/lm_magnet.py MagnetLMModel.generate: `assert cfg_coef is None`; MusicGen gives one.
    return stranger(
        "is transformer_lm_magnet (expected transformer_lm): this is a MAGNeT, which MusicGen.get_pretrained can load and "
        "MusicGen.generate can't run: it raises an AssertionError",
        "Load it with audiocraft.models.MAGNeT.get_pretrained");
  }
  if (*lm_model == "flow_matching") {
    return stranger(
        "is flow_matching (expected transformer_lm): this is a JASCO, which draws no codes. MusicGen.get_pretrained "
        "raises a KeyError",
        "Load it with audiocraft.models.JASCO.get_pretrained, of audiocraft 1.4 or later");
  }
  if (*lm_model != "transformer_lm") {
    return stranger(fmt::format("must be transformer_lm, found '{}'", *lm_model),
                    "Load it with the library that trained it: MusicGen has no other language model");
  }
  std::optional<std::string> q_modeling;
  if (const auto tree = config::ReadMapping(config, "transformer_lm", problems)) {
    config::OptionReader options(*config::AsMap(*tree), "transformer_lm", "LMModel", problems);
    ReadTransformer(options, spec, q_modeling);
    options.Finish();
  }
  spec.fuser = ReadFuser(config, problems);
  spec.conditioners = ReadConditioners(config, problems);
  spec.pattern = ReadPattern(config, spec.num_codebooks, q_modeling, problems);
  ReadWrap(config, spec, problems);
  if (!spec.fuser.cross.empty()) spec.cross_attention = true;  // get_lm_model: "enforce cross-att programmatically"
  CheckFusing(config, spec.fuser, spec.cross_attention, problems);
  if (spec.cross_attention && spec.qk_layer_norm_cross && !spec.packed_attention()) {
    problems.AddWrong("transformer_lm.qk_layer_norm_cross", kNeedsPacked, kPack);
  }
  ReadGuidance(config, spec, problems);
  CheckAttributeDropout(config, problems);
  ReadNumber(config, "dataset.segment_duration", spec.segment_duration_s, problems);
  if (problems.wrong.empty()) CheckTensorCount(spec, problems);
  problems.AddRemedies();
  if (Status status = problems.ToStatus(config.source()); !status.ok()) return status.error();
  ListWhatIsNotRun(spec);
  return spec;
}

}  // namespace harness::architecture
