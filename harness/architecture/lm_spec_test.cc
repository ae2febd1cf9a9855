// Options of the transformer, the fuser and the pattern: what each changes in the description, and what is refused,
// in the words of the message. That the reference refuses the same: harness/model/language_model_test.cc,
// pattern_test.cc.
#include "harness/architecture/lm_spec.h"

#include <gmock/gmock.h>

#include "harness/testing/configs.h"

namespace harness::architecture {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;

// A value as YAML writes it.
config::ConfigValue Yaml(const std::string& text) { return Parse(("x: " + text).c_str()).Get("x").value(); }

struct Change {
  const char* path;
  config::ConfigValue value;
};
Result<LmSpec> Describe(const std::vector<Change>& changes) {
  config::Config config = Parse(kLm).With("transformer_lm.num_layers", {int64_t{2}});
  for (const Change& change : changes) config = config.With(change.path, change.value);
  return DescribeLm(config);
}

struct Refusal {
  const char* name;
  std::vector<Change> changes;
  std::vector<const char*> words;
};

void ExpectRefused(const std::vector<Refusal>& rows) {
  for (const Refusal& row : rows) {
    SCOPED_TRACE(row.name);
    const auto spec = Describe(row.changes);
    ASSERT_FALSE(spec.ok());
    EXPECT_EQ(spec.error().code, ErrorCode::kMismatch);
    const std::string text = spec.error().message + ". " + spec.error().remedy;
    for (const char* words : row.words) EXPECT_THAT(text, HasSubstr(words));
  }
}

const Change kBuiltIn = {"transformer_lm.memory_efficient", {false}};
const Change kCustom = {"transformer_lm.custom", {true}};

TEST(LmOptions, RefusesWhatTheTransformerCannotRun) {
  ExpectRefused({
      {"Reglu", {{"transformer_lm.activation", Text("reglu")}}, {"transformer_lm.activation 'reglu' halves"}},
      {"Swiglu",
       {{"transformer_lm.activation", Text("swiglu")}},
       {"mat1 and mat2 shapes cannot be multiplied", "only relu and gelu run"}},
      {"Checkpointing",
       {{"transformer_lm.checkpointing", Text("xformers_mm")}},
       {"transformer_lm.checkpointing 'xformers_mm' needs a build of xformers", "ImportError",
        "Set transformer_lm.checkpointing to none"}},
      {"PastContext",
       {{"transformer_lm.past_context", {int64_t{-1}}}},
       {"transformer_lm.past_context must not be negative, found -1"}},
      {"OddHeads",
       {{"transformer_lm.positional_embedding", Text("rope")}, {"transformer_lm.dim", {int64_t{12}}}},
       {"transformer_lm.positional_embedding 'rope' needs an even dim / num_heads (assertion), found 3"}},
      {"RopeBuiltIn",
       {kBuiltIn, {"transformer_lm.positional_embedding", Text("sin_rope")}},
       {"'sin_rope' needs custom or memory_efficient attention"}},
      {"QkLayerNormCross",
       {kBuiltIn, {"transformer_lm.qk_layer_norm_cross", {true}}},
       {"transformer_lm.qk_layer_norm_cross needs custom or memory_efficient attention"}},
      {"KvRepeat", {{"transformer_lm.kv_repeat", {int64_t{3}}}}, {"transformer_lm.kv_repeat must divide num_heads"}},
      {"KvRepeatNorm",
       {{"transformer_lm.kv_repeat", {int64_t{2}}}, {"transformer_lm.qk_layer_norm", {true}}},
       {"transformer_lm.qk_layer_norm excludes kv_repeat"}},
      {"Dropout", {{"transformer_lm.dropout", {1.5}}}, {"transformer_lm.dropout must be between 0 and 1", "found 1.5"}},
      {"AttentionDropout",
       {kBuiltIn, kCustom, {"transformer_lm.attention_dropout", {-0.5}}},
       {"transformer_lm.attention_dropout must be between 0 and 1 (ValueError in custom attention), found -0.5"}},
  });
}

TEST(LmOptions, RefusesWhatTheFuserAssertsAgainst) {
  const config::ConfigValue genre = Yaml("{model: t5, t5: {name: t5-small, finetune: false}}");
  ExpectRefused({
      {"InNoList",
       {{"conditioners.genre", genre}},
       {"conditioners.genre stands in no list of fuser", "given conditions contain unknown attributes",
        "Add genre to fuser.cross, prepend or input_interpolate"}},
      {"CrossOfNone",
       {{"fuser.cross", Yaml("[text]")}, {"fuser.prepend", Yaml("[description]")}},
       {"fuser.cross names text, but no conditioner is fused by cross-attention (conditioners: description)"}},
      {"CrossOverruled",
       {{"fuser.input_interpolate", Yaml("[description]")}},
       {"fuser.cross names description, but no conditioner", "in no list after cross"}},
      {"CrossAttentionOfNone",
       {{"fuser.cross", Yaml("[]")}, {"fuser.sum", Yaml("[description]")}, {"transformer_lm.cross_attention", {true}}},
       {"transformer_lm.cross_attention is true, but no conditioner is fused",
        "or set transformer_lm.cross_attention to false"}},
      {"CrossWithoutConditioners",
       {{"conditioners", {config::ConfigValue::Map{}}}},
       {"fuser.cross names description", "(conditioners: none)"}},
      {"Ignore", {{"fuser.ignore", Yaml("[]")}}, {"fuser.ignore is not a parameter of ConditionFuser"}},
  });
}

TEST(LmOptions, RefusesWhatThePatternProvidersRefuse) {
  const auto pattern = [](const char* modeling, const char* key, config::ConfigValue value) {
    const std::string path = modeling;
    return std::vector<Change>{
        {"codebooks_pattern",
         {config::ConfigValue::Map{{"modeling", Text(modeling)},
                                   {path, {config::ConfigValue::Map{{key, std::move(value)}}}}}}}};
  };
  ExpectRefused({
      {"UnrollKey",
       pattern("unroll", "flatening", Yaml("[0, 1]")),
       {"codebooks_pattern.unroll.flatening is not a parameter of UnrolledPatternProvider",
        "did you mean flattening?"}},
      {"UnrollType",
       pattern("unroll", "flattening", Text("0, 1")),
       {"codebooks_pattern.unroll.flattening must be a list of integers"}},
      {"CoarseFirstKey",
       pattern("coarse_first", "flattening", Yaml("[0]")),
       {"codebooks_pattern.coarse_first.flattening is not a parameter of CoarseFirstPattern"}},
      {"MusicLmKey",
       pattern("musiclm", "groupby", {int64_t{2}}),
       {"codebooks_pattern.musiclm.groupby is not a parameter of MusicLMPattern", "did you mean group_by?"}},
      {"MusicLmType", pattern("musiclm", "group_by", {2.0}), {"codebooks_pattern.musiclm.group_by must be an integer"}},
      {"ParallelKey",
       pattern("parallel", "delays", Yaml("[0, 0]")),
       {"codebooks_pattern.parallel.delays is not a parameter of ParallelPatternProvider"}},
      {"Twice", pattern("unroll", "n_q", {int64_t{2}}), {"codebooks_pattern.unroll.n_q is given twice"}},
      {"Modeling", {{"codebooks_pattern.modeling", Text("unrolled")}}, {"did you mean 'unroll'?"}},
      {"NoModeling", {{"codebooks_pattern.modeling", {std::monostate{}}}}, {"and so is transformer_lm.q_modeling"}},
      {"QModeling",
       {{"codebooks_pattern.modeling", {std::monostate{}}}, {"transformer_lm.q_modeling", Text("flat")}},
       {"transformer_lm.q_modeling must be one of parallel, delay", "found 'flat'"}},
  });
}

TEST(LmOptions, ReadsPatterns) {
  const auto unroll = Describe({{"codebooks_pattern.modeling", Text("unroll")}});
  ASSERT_TRUE(unroll.ok()) << unroll.error().message;
  EXPECT_EQ(unroll->pattern.kind, PatternSpec::Kind::kUnroll);
  EXPECT_THAT(unroll->pattern.flattening, ElementsAre(0, 1));
  EXPECT_THAT(unroll->pattern.delays, ElementsAre(0, 0));
  EXPECT_TRUE(unroll->pattern.frame_by_frame());

  const auto coarse = Describe({{"codebooks_pattern.modeling", Text("coarse_first")}});
  ASSERT_TRUE(coarse.ok()) << coarse.error().message;
  EXPECT_THAT(coarse->pattern.delays, ElementsAre(0));
  EXPECT_FALSE(coarse->pattern.frame_by_frame());

  // With a modeling of null the sibling mappings are not read.
  const auto old = Describe({{"codebooks_pattern.modeling", {std::monostate{}}},
                             {"codebooks_pattern.delay.delays", Yaml("[0, 5]")},
                             {"transformer_lm.q_modeling", Text("delay")}});
  ASSERT_TRUE(old.ok()) << old.error().message;
  EXPECT_THAT(old->pattern.delays, ElementsAre(0, 1));
  EXPECT_EQ(old->pattern.max_delay(), 1);
}

TEST(LmOptions, JudgesPatternArguments) {
  PatternSpec pattern;
  pattern.modeling = "delay";
  pattern.delays = {0, 1, 1};
  EXPECT_TRUE(CheckPattern(pattern, 3).ok());
  EXPECT_THAT(CheckPattern(pattern, 4).error().message, HasSubstr("has 3 entries, transformer_lm.n_q is 4"));
  pattern.delays = {1, 0, 2};
  EXPECT_THAT(CheckPattern(pattern, 3).error().message, HasSubstr("must not fall"));
}

TEST(LmOptions, TakesTheLastListThatNamesAConditioner) {
  FuserSpec fuser;
  fuser.sum = {"a", "b", "c", "d"};
  fuser.cross = {"b", "c", "d"};
  fuser.prepend = {"c", "d"};
  fuser.input_interpolate = {"d"};
  EXPECT_EQ(fuser.MethodOf("a"), FuseMethod::kSum);
  EXPECT_EQ(fuser.MethodOf("b"), FuseMethod::kCross);
  EXPECT_EQ(fuser.MethodOf("c"), FuseMethod::kPrepend);
  EXPECT_EQ(fuser.MethodOf("d"), FuseMethod::kInputInterpolate);
  EXPECT_EQ(fuser.MethodOf("e"), std::nullopt);
}

// MusicGen.generate passes its own two_step_cfg, False unless it is set: the model's is never read.
TEST(LmOptions, RunsEveryOptionOfTheTransformerAndTheFuser) {
  const auto spec = Describe({kBuiltIn,
                              kCustom,
                              {"transformer_lm.two_step_cfg", {true}},
                              {"transformer_lm.norm_first", {false}},
                              {"transformer_lm.positional_embedding", Text("sin_rope")},
                              {"transformer_lm.xpos", {true}},
                              {"transformer_lm.past_context", {int64_t{10}}},
                              {"transformer_lm.layer_scale", {0.0}},
                              {"transformer_lm.qk_layer_norm", {true}},
                              {"transformer_lm.qk_layer_norm_cross", {true}},
                              {"fuser.cross_attention_pos_emb", {true}},
                              {"codebooks_pattern.modeling", Text("musiclm")}});
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_THAT(spec->not_run, testing::IsEmpty());
}

}  // namespace
}  // namespace harness::architecture
