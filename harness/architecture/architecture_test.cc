// Configs into specs and tensor lists. The full lists are held against real exports by the conformance suite itself
// (its fixtures load strictly); here, what each option changes, and what each wrong option says.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "harness/architecture/codec_spec.h"
#include "harness/architecture/lm_spec.h"
#include "harness/testing/configs.h"

namespace harness::architecture {
namespace {

using namespace testing_support;
using testing::Contains;
using testing::HasSubstr;

std::vector<std::string> Names(const std::vector<TensorSpec>& specs) {
  std::vector<std::string> names;
  for (const TensorSpec& spec : specs) names.push_back(spec.name + " " + FormatShape(spec.shape));
  return names;
}

TEST(LmSpec, ImpliesTheTensorsOfItsOptions) {
  const auto spec = DescribeLm(Parse(kLm));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_THAT(spec->not_run, testing::IsEmpty());
  const auto names = Names(ListLmTensors(*spec));
  EXPECT_THAT(
      names,
      testing::ElementsAre(
          "condition_provider.conditioners.description.output_proj.weight [16, 768]",
          "condition_provider.conditioners.description.output_proj.bias [16]", "emb.0.weight [301, 16]",
          "emb.1.weight [301, 16]", "transformer.layers.0.self_attn.in_proj_weight [48, 16]",
          "transformer.layers.0.self_attn.out_proj.weight [16, 16]", "transformer.layers.0.linear1.weight [32, 16]",
          "transformer.layers.0.linear2.weight [16, 32]", "transformer.layers.0.norm1.weight [16]",
          "transformer.layers.0.norm1.bias [16]", "transformer.layers.0.norm2.weight [16]",
          "transformer.layers.0.norm2.bias [16]", "transformer.layers.0.cross_attention.in_proj_weight [48, 16]",
          "transformer.layers.0.cross_attention.out_proj.weight [16, 16]",
          "transformer.layers.0.norm_cross.weight [16]", "transformer.layers.0.norm_cross.bias [16]",
          "out_norm.weight [16]", "out_norm.bias [16]", "linears.0.weight [300, 16]", "linears.1.weight [300, 16]"));
}

struct LmOption {
  const char* name;
  const char* path;
  config::ConfigValue value;
  const char* adds;     // a tensor that the option adds ("" none)
  const char* not_run;  // what generation then does not run ("" nothing)
};

TEST(LmSpec, FollowsEachOption) {
  const std::vector<LmOption> options = {
      {"BiasFf", "transformer_lm.bias_ff", {true}, "transformer.layers.0.linear1.bias [32]", ""},
      {"BiasAttn", "transformer_lm.bias_attn", {true}, "transformer.layers.0.self_attn.in_proj_bias [48]", ""},
      {"BiasProj", "transformer_lm.bias_proj", {true}, "linears.1.bias [300]", ""},
      {"LayerScale", "transformer_lm.layer_scale", {0.1}, "transformer.layers.0.layer_scale_cross.scale [16]", ""},
      {"BuiltInAttention",
       "transformer_lm.memory_efficient",
       {false},
       "transformer.layers.0.self_attn.mha.in_proj_weight [48, 16]",
       ""},
      {"KvRepeat",
       "transformer_lm.kv_repeat",
       {int64_t{2}},
       "transformer.layers.0.self_attn.in_proj_weight [32, 16]",
       ""},
      {"QkLayerNorm",
       "transformer_lm.qk_layer_norm",
       {true},
       "transformer.layers.0.self_attn.q_layer_norm.weight [16]",
       ""},
      {"Rope", "transformer_lm.positional_embedding", Text("rope"), "transformer.rope.frequencies [2]", ""},
      {"Layers", "transformer_lm.num_layers", {int64_t{2}}, "transformer.layers.1.norm1.weight [16]", ""},
      {"Codebooks", "transformer_lm.n_q", {int64_t{3}}, "emb.2.weight [301, 16]", ""},
      {"PastContext", "transformer_lm.past_context", {int64_t{100}}, "", ""},
      {"Stereo", "interleave_stereo_codebooks.use", {true}, "", ""},
  };
  for (const LmOption& option : options) {
    SCOPED_TRACE(option.name);
    const auto spec = DescribeLm(Parse(kLm).With(option.path, option.value));
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    if (*option.adds != '\0') {
      EXPECT_THAT(Names(ListLmTensors(*spec)), Contains(option.adds));
    }
    if (*option.not_run == '\0') {
      EXPECT_THAT(spec->not_run, testing::IsEmpty());
    } else {
      EXPECT_THAT(spec->not_run, Contains(HasSubstr(option.not_run)));
    }
  }
}

struct BadOption {
  const char* name;
  const char* path;
  config::ConfigValue value;
  const char* words;
};

TEST(LmSpec, SaysWhatIsWrong) {
  const std::vector<BadOption> options = {
      {"QuotedNumber", "transformer_lm.dim", Text("16"),
       "transformer_lm.dim must be an integer, found the text '16' (quotes, or an interpolation such as oc.env, make a "
       "text of it). Write 16 without quotes in transformer_lm.dim, or wrap the interpolation in ${oc.decode:...}"},
      {"QuotedExponent", "transformer_lm.layer_scale", Text("1e-4"),
       "transformer_lm.layer_scale must be a number, found the text '1e-4' (quotes, or"},
      {"QuotedInteger", "transformer_lm.hidden_scale", Text("4"), "must be a number, found the text '4' (quotes, or"},
      {"QuotedFloatForAnInteger", "transformer_lm.dim", Text("1.5"), "must be an integer, found the text '1.5'"},
      {"QuotedFalse", "transformer_lm.bias_ff", Text("false"),
       "transformer_lm.bias_ff must be true or false, found the text 'false' (quotes, or an interpolation such as "
       "oc.env, make a text of it, and any text is true to Python: audiocraft builds the model with it switched on). "
       "Write false without quotes in transformer_lm.bias_ff"},
      {"QuotedTrue", "transformer_lm.bias_ff", Text("yes"),
       "found the text 'yes' (quotes, or an interpolation such as "
       "oc.env, make a text of it). Write yes without quotes"},
      {"EmptyTextAsASwitch", "transformer_lm.bias_ff", Text(""),
       "found the text '' (an empty text is false to Python). Write true or false in transformer_lm.bias_ff"},
      {"TextAsASwitch", "transformer_lm.bias_ff", Text("never"), "(any text is true to Python). Write true or false"},
      {"ScaleOfPositions",
       "fuser",
       {config::ConfigValue::Map{{"sum", {config::ConfigValue::List{}}},
                                 {"prepend", {config::ConfigValue::List{}}},
                                 {"cross", {config::ConfigValue::List{Text("description")}}},
                                 {"input_interpolate", {config::ConfigValue::List{}}},
                                 {"cross_attention_pos_emb", {true}},
                                 {"cross_attention_pos_emb_scale", Text("1")}}},
       "fuser.cross_attention_pos_emb_scale must be a number, found the text '1'"},
      {"DropoutOfNothing",
       "attribute_dropout",
       {config::ConfigValue::Map{{"text", {}}}},
       "attribute_dropout.text must be a mapping of names to probabilities, found null"},
      {"DropoutOfANumber",
       "attribute_dropout",
       {config::ConfigValue::Map{{"text", {0.5}}}},
       "found the float 0.5 (TypeError"},
      {"NormalizeText", "conditioners.description.t5.normalize_text", Text("false"),
       "conditioners.description.t5.normalize_text must be true or false, found the text 'false' (quotes"},
      {"NoGuidance",
       "classifier_free_guidance",
       {config::ConfigValue::Map{{"training_dropout", {0.1}}}},
       "classifier_free_guidance.inference_coef"},
      {"NoTrainingDropout",
       "classifier_free_guidance",
       {config::ConfigValue::Map{{"inference_coef", {3.0}}}},
       "classifier_free_guidance.training_dropout"},
      {"QuotedDelay",
       "codebooks_pattern.delay.delays",
       {config::ConfigValue::List{{int64_t{0}}, Text("1")}},
       "codebooks_pattern.delay.delays[1] must be an integer, found the text '1' (quotes, or"},
      {"NumberInTheFuser",
       "fuser.cross",
       {config::ConfigValue::List{{int64_t{0}}}},
       "fuser.cross[0] must be a text, found the integer 0"},
      {"UnknownKey",
       "transformer_lm.num_head",
       {int64_t{4}},
       "transformer_lm.num_head is not a parameter of LMModel (TypeError when it is built): did you mean num_heads?"},
      {"HeadsDoNotDivide",
       "transformer_lm.num_heads",
       {int64_t{3}},
       "transformer_lm.num_heads must divide dim, found 3 and 16"},
      {"Activation", "transformer_lm.activation", Text("gelo"), "did you mean 'gelu'?"},
      {"NotCausal", "transformer_lm.causal", {false}, "Streaming only available"},
      {"HugeLayers",
       "transformer_lm.num_layers",
       {int64_t{1} << 40},
       "transformer_lm.num_layers must be between 1 and 10000"},
      {"NegativeCard", "transformer_lm.card", {int64_t{-1}}, "transformer_lm.card must be between 1 and"},
      {"RopeNeedsPacked", "transformer_lm.memory_efficient", Text("false"),
       "transformer_lm.memory_efficient must be true or false, found"},
      {"UnknownT5", "conditioners.description.t5.name", Text("t5-tiny"),
       "must be a T5 that T5Conditioner knows (t5-small, "},
      {"FuserKey", "fuser.ignore", {config::ConfigValue::List{}}, "fuser.ignore is not a parameter of ConditionFuser"},
      {"NoSegment", "dataset", {config::ConfigValue::Map{}}, "dataset.segment_duration"},
      {"WeightInit", "transformer_lm.depthwise_init", Text("current"), "transformer_lm.weight_init must be set"},
      {"Model", "lm_model", Text("transformer"), "lm_model must be transformer_lm, found 'transformer'"},
  };
  for (const BadOption& option : options) {
    SCOPED_TRACE(option.name);
    const auto spec = DescribeLm(Parse(kLm).With(option.path, option.value));
    ASSERT_FALSE(spec.ok());
    EXPECT_EQ(spec.error().code, ErrorCode::kMismatch);
    EXPECT_THAT(spec.error().message + ". " + spec.error().remedy, HasSubstr(option.words));
    EXPECT_THAT(spec.error().message, HasSubstr("file.bin: xp.cfg"));
  }
}

TEST(LmSpec, LeavesAloneWhatIsNotRead) {
  const auto pairs = std::vector<std::pair<const char*, config::ConfigValue>>{
      {"classifier_free_guidance.training_dropout", Text("0.3")},
      {"classifier_free_guidance.inference_coef", Text("3.0")},
      {"classifier_free_guidance.inference_coef", {}},
      {"classifier_free_guidance.training_dropout", Text("???")},
      {"classifier_free_guidance.inference_coef", Text("???")},
      {"fuser.cross_attention_pos_emb_scale", Text("1")},
      {"interleave_stereo_codebooks", {config::ConfigValue::Map{{"use", {false}}, {"per_timestep", Text("false")}}}},
      {"transformer_lm.lr", Text("1e-4")},
      {"attribute_dropout",
       {config::ConfigValue::Map{{"text", {config::ConfigValue::Map{{"description", Text("???")}}}}}}},
      {"attribute_dropout", {config::ConfigValue::Map{{"text", {config::ConfigValue::List{}}}}}},
  };
  for (const auto& [path, value] : pairs) {
    SCOPED_TRACE(path);
    const auto spec = DescribeLm(Parse(kLm).With(path, value));
    EXPECT_TRUE(spec.ok()) << spec.error().message;
  }
  const auto spec = DescribeLm(Parse(kLm).With("classifier_free_guidance.inference_coef", Text("3.0")));
  ASSERT_TRUE(spec.ok());
  EXPECT_TRUE(std::isnan(spec->cfg_coef));
}

TEST(LmSpec, CollectsEveryProblem) {
  const auto spec = DescribeLm(
      Parse(kLm).With("transformer_lm.dim", Text("x")).With("transformer_lm.typo", {true}).Without("fuser.sum"));
  ASSERT_FALSE(spec.ok());
  for (const char* words : {"transformer_lm.dim", "transformer_lm.typo", "fuser.sum is missing"}) {
    EXPECT_THAT(spec.error().message, HasSubstr(words));
  }
}

TEST(CodecSpec, ImpliesTheLayersOfItsOptions) {
  const auto spec = DescribeCodec(Parse(kCodec));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->encoder.hop_length(), 10);
  EXPECT_EQ(spec->frame_rate_hz(), 3200);
  const auto names = Names(ListCodecTensors(*spec));
  // The encoder goes through the ratios in reverse: stride 2 first.
  EXPECT_THAT(names, Contains("encoder.model.3.conv.conv.weight_v [8, 4, 4]"));
  EXPECT_THAT(names, Contains("encoder.model.6.conv.conv.weight_v [16, 8, 10]"));
  EXPECT_THAT(names, Contains("encoder.model.7.lstm.weight_ih_l0 [64, 16]"));
  EXPECT_THAT(names, Contains("encoder.model.9.conv.conv.weight_v [8, 16, 7]"));
  EXPECT_THAT(names, Contains("decoder.model.0.conv.conv.weight_v [16, 8, 7]"));
  EXPECT_THAT(names, Contains("decoder.model.3.convtr.convtr.weight_g [16, 1, 1]"));
  EXPECT_THAT(names, Contains("decoder.model.3.convtr.convtr.weight_v [16, 8, 10]"));
  EXPECT_THAT(names, Contains("decoder.model.4.block.1.conv.conv.weight_v [4, 8, 3]"));
  EXPECT_THAT(names, Contains("quantizer.vq.layers.1._codebook.embed [32, 8]"));
}

TEST(CodecSpec, FollowsEachOption) {
  const std::vector<LmOption> options = {
      {"NoNorm", "seanet.norm", Text("none"), "encoder.model.0.conv.conv.weight [4, 1, 7]", ""},
      {"GroupNorm", "seanet.norm", Text("time_group_norm"), "encoder.model.0.conv.norm.weight [4]", ""},
      {"OuterBlocks",
       "seanet.disable_norm_outer_blocks",
       {int64_t{1}},
       "decoder.model.9.conv.conv.weight [1, 4, 7]",
       ""},
      {"NoSkip", "seanet.true_skip", {false}, "decoder.model.4.shortcut.conv.conv.weight_v [8, 8, 1]", ""},
      {"TwoResiduals", "seanet.n_residual_layers", {int64_t{2}}, "decoder.model.5.block.3.conv.conv.bias [8]", ""},
      {"Override",
       "seanet.decoder",
       {config::ConfigValue::Map{{"last_kernel_size", {int64_t{5}}}}},
       "decoder.model.9.conv.conv.weight_v [1, 4, 5]",
       ""},
      {"Compress", "seanet.compress", {int64_t{4}}, "decoder.model.4.block.1.conv.conv.weight_v [2, 8, 3]", ""},
  };
  for (const LmOption& option : options) {
    SCOPED_TRACE(option.name);
    const auto spec = DescribeCodec(Parse(kCodec).With(option.path, option.value));
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    EXPECT_THAT(Names(ListCodecTensors(*spec)), Contains(option.adds));
  }
}

TEST(CodecSpec, SaysWhatIsWrong) {
  const std::vector<BadOption> options = {
      {"Ratios", "seanet.ratios", {config::ConfigValue::List{{int64_t{0}}}}, "seanet.ratios must be positive"},
      {"UnknownKey", "seanet.n_filter", {int64_t{4}}, "seanet.n_filter is not a parameter of SEANetEncoder"},
      {"TrimWithoutCausal",
       "seanet.decoder",
       {config::ConfigValue::Map{{"trim_right_ratio", {0.5}}}},
       "must be 1 where causal is false"},
      {"NoDecoder", "seanet.decoder", {std::monostate{}}, "seanet.decoder must be a mapping"},
      {"Model", "compression_model", Text("dac"), "compression_model must be encodec, found 'dac'"},
      {"ActivationCase", "seanet.activation", Text("Elu"), "did you mean 'ELU'?"},
      {"ActivationLowercase", "seanet.activation", Text("snake"), "'snake', which is not a class of torch.nn"},
      {"ActivationParams",
       "seanet.activation_params",
       {config::ConfigValue::Map{{"slope", {0.1}}}},
       "seanet.activation_params.slope is not a parameter of torch.nn.ELU"},
      {"DefaultAlpha", "seanet.activation", Text("ReLU"), "its default, alpha, is not a parameter of ReLU"},
      {"LayerNorm", "seanet.norm", Text("layer_norm"), "seanet.norm must be one of none, weight_norm, spectral_norm"},
      {"NormParams", "seanet.norm_params", {std::monostate{}}, "seanet.norm_params must be a mapping"},
      {"Slow", "encodec.sample_rate", {int64_t{5}}, "the frame rate is 0"},
      {"Dimensions",
       "seanet.decoder",
       {config::ConfigValue::Map{{"dimension", {int64_t{9}}}}},
       "the decoder can't take what the quantizer gives"},
  };
  for (const BadOption& option : options) {
    SCOPED_TRACE(option.name);
    const auto spec = DescribeCodec(Parse(kCodec).With(option.path, option.value));
    ASSERT_FALSE(spec.ok());
    EXPECT_EQ(spec.error().code, ErrorCode::kMismatch);
    EXPECT_THAT(spec.error().message + ". " + spec.error().remedy, HasSubstr(option.words));
  }
  const auto twice = DescribeCodec(Parse(kCodec).With("seanet.n_filters", Text("4")));
  ASSERT_FALSE(twice.ok());
  const std::string& message = twice.error().message;
  EXPECT_EQ(message.find("seanet.n_filters must"), message.rfind("seanet.n_filters must"))
      << "once for both sides: " << message;
  const auto causal =
      DescribeCodec(Parse(kCodec).With("seanet.causal", {true}).With("seanet.norm", Text("time_group_norm")));
  ASSERT_FALSE(causal.ok());
  EXPECT_THAT(causal.error().message, HasSubstr("GroupNorm doesn't support causal evaluation"));
  const auto quantizer = DescribeCodec(Parse(kCodec).With("encodec.quantizer", Text("no_quant")));
  ASSERT_FALSE(quantizer.ok());
  EXPECT_EQ(quantizer.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(quantizer.error().message, HasSubstr("encodec.quantizer is no_quant"));
}

}  // namespace
}  // namespace harness::architecture
