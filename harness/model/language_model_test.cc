// The language model with every option against the real one: each row of testdata/lm_cases.pt.
#include "harness/model/language_model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/base/error_text.h"
#include "harness/testing/lm_cases.h"

namespace harness::model {
namespace {

using namespace testing_support;

using testing::HasSubstr;

const LmCases& Cases() { return LmCases::OfTestdata(); }

std::vector<std::string> Names(bool runs) {
  std::vector<std::string> names;
  for (const LmCase& row : Cases().all()) {
    if (row.raises_stage.empty() == runs) names.push_back(row.name);
  }
  return names;
}

// float32 on both sides, sums in another order; logits are of the order of one. The reference's own streaming and
// single passes differ by up to 1e-6 here.
constexpr double kTolerance = 2e-5;

// Largest absolute difference; NaN counts as infinite.
double Error(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.sizes() == b.sizes(), "shapes ", a.sizes(), " and ", b.sizes());
  const double error = (a - b).abs().max().item<double>();
  return std::isnan(error) ? INFINITY : error;
}

class LanguageModelTest : public testing::TestWithParam<std::string> {
 protected:
  // Threads cost more than they bring at this size.
  void SetUp() override { at::set_num_threads(1); }
  c10::InferenceMode inference_;
};

using RunsTest = LanguageModelTest;

TEST_P(RunsTest, AsTheRealOne) {
  const LmCase& row = Cases().Named(GetParam());
  const auto spec = LmCases::Describe(row);
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  ASSERT_EQ(Cases().Disagreement(row, *spec), "");
  const auto model = LanguageModel::Build(*spec, Cases().Bind(row, *spec));
  ASSERT_TRUE(model.ok()) << model.error().message;
  const int64_t steps = row.codes.size(2);
  const Status status = model->CheckGeneration(row.conditions, row.first, steps);
  EXPECT_TRUE(status.ok()) << status.error().message;

  const double streamed = Error(Streamed(*model, row), row.streamed);
  LmState state = model->Start(row.conditions, row.codes.size(0), steps);
  const double at_once = Error(model->Forward(row.codes, state), row.at_once);
  RecordProperty("error", std::to_string(std::max(streamed, at_once)));
  EXPECT_LE(streamed, kTolerance) << "step by step";
  EXPECT_LE(at_once, kTolerance) << "in one pass";
}

INSTANTIATE_TEST_SUITE_P(, RunsTest, testing::ValuesIn(Names(true)), [](const auto& row) { return row.param; });

using RaisesTest = LanguageModelTest;

TEST_P(RaisesTest, AsTheRealOne) {
  const LmCase& row = Cases().Named(GetParam());
  const auto spec = LmCases::Describe(row);
  if (!spec.ok()) {
    EXPECT_EQ(spec.error().code, ErrorCode::kMismatch) << spec.error().message;
    return;
  }
  // Delays are judged apart, so that a check of its own can name them.
  if (!architecture::CheckPattern(spec->pattern, spec->num_codebooks).ok()) return;
  ASSERT_EQ(row.raises_stage, "stream") << "production doesn't even build it";
  // What raises has no weights; the plain ones do for what is asked here.
  ASSERT_EQ(Cases().Disagreement(Cases().Named("Plain"), *spec), "");
  const auto model = LanguageModel::Build(*spec, Cases().Bind(Cases().Named("Plain"), *spec));
  ASSERT_TRUE(model.ok()) << model.error().message;
  const Status status = model->CheckGeneration(row.conditions, row.first, row.codes.size(2));
  ASSERT_FALSE(status.ok()) << row.raises_error;
  EXPECT_EQ(status.error().code, ErrorCode::kMismatch);
}

INSTANTIATE_TEST_SUITE_P(, RaisesTest, testing::ValuesIn(Names(false)), [](const auto& row) { return row.param; });

struct Words {
  const char* name;
  std::vector<const char*> words;
};

TEST(LanguageModel, SaysWhyGenerationWouldRaise) {
  const Words rows[] = {
      {"PastContextMemoryEfficientOneShort",
       {"transformer_lm.past_context is 5", "drops attention heads", "step 7 of the 7", "transformer_lm.custom: true"}},
      {"PastContextMemoryEfficientPrepend", {"transformer_lm.past_context is 6", "step 8 of the 8"}},
      {"FuserSumOfSeveral",
       {"fuser.sum: the condition 'a' has 3 steps", "RuntimeError", "fuser.cross or fuser.prepend"}},
      {"FuserSumOfSeveralFirst", {"fuser.sum: the condition 'a' has 3 steps"}},
      {"NothingFirst", {"codebooks_pattern.delay.empty_initial", "IndexError"}},
  };
  const c10::InferenceMode inference;
  for (const Words& expected : rows) {
    SCOPED_TRACE(expected.name);
    const LmCase& row = Cases().Named(expected.name);
    const auto spec = LmCases::Describe(row);
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    const auto model = LanguageModel::Build(*spec, Cases().Bind(Cases().Named("Plain"), *spec));
    ASSERT_TRUE(model.ok()) << model.error().message;
    const Status status = model->CheckGeneration(row.conditions, row.first, row.codes.size(2));
    ASSERT_FALSE(status.ok());
    for (const char* words : expected.words) EXPECT_THAT(JoinSentences(status.error()), HasSubstr(words));
  }
}

struct Option {
  const char* name;  // of the case
  void (*without)(architecture::LmSpec& spec);
};

// A case that an option doesn't change could not tell whether it is applied.
TEST(LanguageModel, EachOptionMatters) {
  const Option rows[] = {
      {"Relu", [](architecture::LmSpec& spec) { spec.activation = "gelu"; }},
      {"LayerScale", [](architecture::LmSpec& spec) { spec.has_layer_scale = false; }},
      {"LayerScaleCross", [](architecture::LmSpec& spec) { spec.has_layer_scale = false; }},
      {"LayerScalePostNormCross", [](architecture::LmSpec& spec) { spec.has_layer_scale = false; }},
      {"PositionalScale", [](architecture::LmSpec& spec) { spec.positional_scale = 1; }},
      {"NoPositions", [](architecture::LmSpec& spec) { spec.positional_scale = 1; }},
      {"MaxPeriod", [](architecture::LmSpec& spec) { spec.max_period = 10000; }},
      {"Rope", [](architecture::LmSpec& spec) { spec.positional_embedding = "sin"; }},
      {"RopeCustom", [](architecture::LmSpec& spec) { spec.positional_embedding = "sin_rope"; }},
      {"Rope", [](architecture::LmSpec& spec) { spec.memory_efficient = false, spec.custom = true; }},
      {"KvRepeatRopeXpos", [](architecture::LmSpec& spec) { spec.memory_efficient = false, spec.custom = true; }},
      {"SinRope", [](architecture::LmSpec& spec) { spec.positional_embedding = "rope"; }},
      {"RopeXpos", [](architecture::LmSpec& spec) { spec.xpos = false; }},
      {"RopeXposCustom", [](architecture::LmSpec& spec) { spec.xpos = false; }},
      {"RopeXposScaleMaxPeriod", [](architecture::LmSpec& spec) { spec.positional_scale = 1; }},
      {"QkLayerNorm", [](architecture::LmSpec& spec) { spec.qk_layer_norm = false; }},
      {"QkLayerNormBoth", [](architecture::LmSpec& spec) { spec.qk_layer_norm_cross = false; }},
      {"PastContext0Custom", [](architecture::LmSpec& spec) { spec.past_context = 1; }},
      {"PastContext3BuiltIn", [](architecture::LmSpec& spec) { spec.past_context = 4; }},
      {"PastContextSeveralFirstStepsCustom", [](architecture::LmSpec& spec) { spec.past_context.reset(); }},
      {"PastContextRopeSeveralFirstSteps", [](architecture::LmSpec& spec) { spec.positional_embedding = "sin"; }},
      {"FuserCrossTwo",
       [](architecture::LmSpec& spec) { spec.fuser.cross = {"a"}, spec.fuser.sum = {}, spec.fuser.prepend = {"b"}; }},
      {"FuserCrossPosition", [](architecture::LmSpec& spec) { spec.fuser.cross_attention_pos_emb = false; }},
      {"FuserCrossPositionScale", [](architecture::LmSpec& spec) { spec.fuser.cross_attention_pos_emb_scale = 1; }},
      {"FuserSum", [](architecture::LmSpec& spec) { spec.fuser = {}, spec.fuser.prepend = {"a"}; }},
      {"FuserPrepend", [](architecture::LmSpec& spec) { spec.fuser = {}, spec.fuser.input_interpolate = {"a"}; }},
      {"FuserInterpolate", [](architecture::LmSpec& spec) { spec.fuser = {}, spec.fuser.prepend = {"a"}; }},
  };
  const c10::InferenceMode inference;
  for (const Option& option : rows) {
    SCOPED_TRACE(option.name);
    const LmCase& row = Cases().Named(option.name);
    architecture::LmSpec spec = LmCases::Describe(row).value();
    const TensorTable tensors = Cases().Bind(row, spec);
    option.without(spec);
    const auto model = LanguageModel::Build(spec, tensors);
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_GT(Error(Streamed(*model, row), row.streamed), 10 * kTolerance);
  }
}

// Conditions go in their own order, whatever the order of the lists is.
TEST(LanguageModel, OrderOfConditionsMatters) {
  const c10::InferenceMode inference;
  for (const char* name : {"FuserPrependTwo", "FuserCrossPosition", "FuserInterpolateAfterPrepend"}) {
    SCOPED_TRACE(name);
    LmCase row = Cases().Named(name);
    std::swap(row.conditions[0], row.conditions[1]);
    const architecture::LmSpec spec = LmCases::Describe(row).value();
    const auto model = LanguageModel::Build(spec, Cases().Bind(row, spec));
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_GT(Error(Streamed(*model, row), row.streamed), 10 * kTolerance);
  }
}

// What the reference's streaming does differently from a single pass, and so from training: not to be repaired here.
TEST(LanguageModel, StreamsAsProductionDoes) {
  for (const char* name : {"Rope", "KvRepeatRopeXpos", "PastContextRopeSeveralFirstSteps", "FuserInterpolate"}) {
    EXPECT_GT(Error(Cases().Named(name).streamed, Cases().Named(name).at_once), 10 * kTolerance) << name;
  }
}

}  // namespace
}  // namespace harness::model
