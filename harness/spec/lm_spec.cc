#include "harness/spec/lm_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "harness/spec/option_reader.h"

namespace harness {
namespace {

// transformer_lm -> LMModel(**kwargs) and, through it, StreamingTransformer and nn.TransformerEncoderLayer.
void ReadTransformer(OptionReader& options, LmSpec& spec) {
  spec.num_codebooks = options.Int("n_q", std::nullopt, 1, 4096);
  spec.cardinality = options.Int("card", 1024);
  spec.dim = options.Int("dim", std::nullopt, 2, int64_t{1} << 20);
  spec.num_heads = options.Int("num_heads", 8, 1, int64_t{1} << 20);
  spec.num_layers = options.Int("num_layers", std::nullopt, 1, 10000);
  const double hidden_scale = options.Float("hidden_scale", 4);
  const double hidden_dim = std::trunc(hidden_scale * static_cast<double>(spec.dim));
  if (hidden_dim >= 1 && hidden_dim <= static_cast<double>(OptionReader::kMaxSize)) {
    spec.hidden_dim = static_cast<int64_t>(hidden_dim);
  } else {
    options.Wrong("hidden_scale", fmt::format("gives a feed-forward width of {} with dim {}", hidden_dim, spec.dim));
  }
  if (spec.dim % spec.num_heads != 0) {
    options.Wrong("num_heads", fmt::format("must divide dim, found {} and {}", spec.num_heads, spec.dim));
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
  options.Choice("norm", "layer_norm", {"layer_norm"});
  options.Choice("checkpointing", "none", {"none", "torch", "xformers_default", "xformers_mm"});

  // Initialisation only, but asserted when the model is built (LMModel._init_weights).
  const auto weight_init = options.NullableString("weight_init");
  const auto depthwise_init = options.NullableString("depthwise_init");
  const bool zero_bias_init = options.Bool("zero_bias_init", false);
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
  options.Ignore({"dropout", "emb_lr", "attention_dropout", "lr", "weight_decay", "layer_norm_eps", "q_modeling"});

  if (!spec.causal) {
    options.Wrong(
        "causal",
        "must be true: generation streams, and raises \"Streaming only available for causal or cross attention\"");
  }
  if (!spec.packed_attention()) {
    if (spec.qk_layer_norm) options.Wrong("qk_layer_norm", "needs custom or memory_efficient attention (assertion)");
    if (spec.kv_repeat != 1) options.Wrong("kv_repeat", "needs custom or memory_efficient attention (assertion)");
    if (spec.positional_embedding != "sin") {
      options.Wrong("positional_embedding", fmt::format("'{}' needs custom or memory_efficient attention (assertion)",
                                                        spec.positional_embedding));
    }
  }
  if (spec.num_heads % spec.kv_repeat != 0) options.Wrong("kv_repeat", "must divide num_heads (assertion)");
  if (spec.qk_layer_norm && spec.kv_repeat != 1) options.Wrong("qk_layer_norm", "excludes kv_repeat (assertion)");
}

// What the tensors follow, but generation does not run yet.
void ListWhatIsNotRun(LmSpec& spec) {
  const auto note = [&](bool present, const std::string& option) {
    if (present) spec.not_run.push_back(option);
  };
  note(spec.positional_embedding != "sin", "transformer_lm.positional_embedding=" + spec.positional_embedding);
  note(spec.past_context.has_value(), "transformer_lm.past_context");
  note(spec.kv_repeat != 1, "transformer_lm.kv_repeat");
  note(spec.qk_layer_norm, "transformer_lm.qk_layer_norm");
  note(spec.qk_layer_norm_cross, "transformer_lm.qk_layer_norm_cross");
  note(!spec.norm_first, "transformer_lm.norm_first=false");
  note(spec.has_layer_scale, "transformer_lm.layer_scale");
  note(spec.activation != "relu" && spec.activation != "gelu", "transformer_lm.activation=" + spec.activation);
  note(spec.two_step_cfg, "transformer_lm.two_step_cfg");
  note(spec.pattern.kind == PatternSpec::Kind::kOther, "codebooks_pattern.modeling=" + spec.pattern.modeling);
  note(spec.interleave_stereo, "interleave_stereo_codebooks.use");
  note(!spec.fuser.sum.empty(), "fuser.sum");
  note(!spec.fuser.prepend.empty(), "fuser.prepend");
  note(!spec.fuser.input_interpolate.empty(), "fuser.input_interpolate");
  note(spec.fuser.cross_attention_pos_emb, "fuser.cross_attention_pos_emb");
  for (const ConditionerSpec& conditioner : spec.conditioners) {
    note(conditioner.model == "clap", fmt::format("conditioners.{}.model=clap", conditioner.name));
  }
}

void ReadPattern(const Config& config, LmSpec& spec, OptionProblems& problems) {
  PatternSpec& pattern = spec.pattern;
  for (int64_t k = 0; k < spec.num_codebooks; ++k) pattern.delays.push_back(k);
  const auto tree = ReadMapping(config, "codebooks_pattern", problems);
  if (!tree) return;
  const ConfigValue* modeling = tree->Find("modeling");
  if (modeling == nullptr) {
    problems.wrong.push_back("codebooks_pattern.modeling is missing");
    return;
  }
  pattern.modeling = "delay";
  if (!modeling->is_null()) {
    OptionReader options(*AsMap(*tree), "codebooks_pattern", "get_codebooks_pattern_provider", problems);
    pattern.modeling =
        options.Choice("modeling", std::nullopt, {"parallel", "delay", "unroll", "coarse_first", "musiclm"});
  }
  const ConfigValue* arguments = modeling->is_null() ? nullptr : tree->Find(pattern.modeling);
  const ConfigValue::Map none;
  const ConfigValue::Map* map = arguments != nullptr ? AsMap(*arguments) : &none;
  if (map == nullptr) {
    problems.wrong.push_back(
        fmt::format("codebooks_pattern.{} must be a mapping, found {}", pattern.modeling, arguments->Describe()));
    return;
  }
  if (pattern.modeling == "delay") {
    OptionReader options(*map, "codebooks_pattern.delay", "DelayedPatternProvider", problems);
    const ConfigValue* delays = options.Raw("delays");
    if (delays != nullptr && !delays->is_null()) {
      pattern.delays = options.IntList("delays", pattern.delays);
      pattern.explicit_delays = true;
    }
    pattern.flatten_first = options.Int("flatten_first", 0, 0, 100000);
    pattern.empty_initial = options.Int("empty_initial", 0, -1, 100000);
    options.Ignore({"n_q"});
    if (options.Has("n_q")) options.Wrong("n_q", "is given twice (TypeError): remove it");
    options.Finish();
  } else if (pattern.modeling == "parallel") {
    pattern.kind = PatternSpec::Kind::kParallel;
    std::fill(pattern.delays.begin(), pattern.delays.end(), 0);
    OptionReader options(*map, "codebooks_pattern.parallel", "ParallelPatternProvider", problems);
    pattern.empty_initial = options.Int("empty_initial", 0, -1, 100000);
    options.Finish();
  } else {
    pattern.kind = PatternSpec::Kind::kOther;
  }
}

void ReadFuser(const Config& config, LmSpec& spec, OptionProblems& problems) {
  const auto tree = ReadMapping(config, "fuser", problems);
  if (!tree) return;
  OptionReader options(*AsMap(*tree), "fuser", "ConditionFuser", problems);
  spec.fuser.sum = options.StringList("sum", std::nullopt);
  spec.fuser.cross = options.StringList("cross", std::nullopt);
  spec.fuser.prepend = options.StringList("prepend", std::nullopt);
  spec.fuser.input_interpolate = options.StringList("input_interpolate", std::nullopt);
  spec.fuser.cross_attention_pos_emb = options.Bool("cross_attention_pos_emb", false);
  spec.fuser.cross_attention_pos_emb_scale = options.Float("cross_attention_pos_emb_scale", 1);
  options.Finish();
}

void ReadWrap(const Config& config, LmSpec& spec, OptionProblems& problems) {
  if (config.Has("interleave_stereo_codebooks")) {
    if (const auto tree = ReadMapping(config, "interleave_stereo_codebooks", problems)) {
      OptionReader options(*AsMap(*tree), "interleave_stereo_codebooks", "InterleaveStereoCompressionModel", problems);
      spec.interleave_stereo = options.Bool("use", std::nullopt);
      spec.stereo_per_timestep = options.Bool("per_timestep", false);
      if (spec.interleave_stereo) options.Finish();
    }
  }
  if (config.Has("compression_model_n_q")) {
    auto value = config.Get("compression_model_n_q");
    const int64_t* number = value.ok() ? std::get_if<int64_t>(&value->data) : nullptr;
    if (number != nullptr) {
      spec.compression_model_n_q = *number;
    } else if (!value.ok() || !value->is_null()) {
      problems.wrong.push_back(
          value.ok() ? fmt::format("compression_model_n_q must be an integer or null, found {}", value->Describe())
                     : value.error().message);
    }
  }
}

// Reads one number outside transformer_lm; absent or ill-typed is a problem.
void ReadNumber(const Config& config, const std::string& path, double& number, OptionProblems& problems) {
  auto value = config.GetFloat(path);
  if (value.ok()) {
    number = *value;
  } else {
    problems.wrong.push_back(value.error().message);
  }
}

}  // namespace

std::string DelayProblem(const PatternSpec& spec, int64_t num_codebooks) {
  if (spec.kind != PatternSpec::Kind::kDelay) return "";
  if (static_cast<int64_t>(spec.delays.size()) != num_codebooks) {
    return fmt::format("codebooks_pattern.delay.delays has {} entries, transformer_lm.n_q is {}: one delay a codebook",
                       spec.delays.size(), num_codebooks);
  }
  if (!std::is_sorted(spec.delays.begin(), spec.delays.end())) {
    return fmt::format("codebooks_pattern.delay.delays must not fall from one codebook to the next, found [{}]",
                       fmt::join(spec.delays, ", "));
  }
  return "";
}

Result<LmSpec> DescribeLm(const Config& config) {
  LmSpec spec;
  OptionProblems problems;
  auto lm_model = config.GetString("lm_model");
  if (!lm_model.ok()) return lm_model.error();
  if (*lm_model == "transformer_lm_magnet") {
    return Error{ErrorCode::kUnsupported,
                 config.source() + ": lm_model is transformer_lm_magnet: MAGNeT is no MusicGen"};
  }
  if (*lm_model != "transformer_lm") {
    return Error{ErrorCode::kMismatch,
                 fmt::format("{}: lm_model must be transformer_lm, found '{}'", config.source(), *lm_model)};
  }
  if (const auto tree = ReadMapping(config, "transformer_lm", problems)) {
    OptionReader options(*AsMap(*tree), "transformer_lm", "LMModel", problems);
    ReadTransformer(options, spec);
    options.Finish();
  }
  ReadFuser(config, spec, problems);
  spec.conditioners = ReadConditioners(config, problems);
  ReadPattern(config, spec, problems);
  ReadWrap(config, spec, problems);
  if (!spec.fuser.cross.empty()) spec.cross_attention = true;  // get_lm_model: "enforce cross-att programmatically"
  for (const char* path : {"attribute_dropout", "classifier_free_guidance"}) ReadMapping(config, path, problems);
  double training_dropout = 0;
  ReadNumber(config, "classifier_free_guidance.training_dropout", training_dropout, problems);
  ReadNumber(config, "classifier_free_guidance.inference_coef", spec.cfg_coef, problems);
  ReadNumber(config, "dataset.segment_duration", spec.segment_duration_s, problems);
  if (Status status = problems.ToStatus(config.source()); !status.ok()) return status.error();
  ListWhatIsNotRun(spec);
  return spec;
}

}  // namespace harness
