// One model in float32 and in emulated float16: the passes over given codes, what leaves float16's range, what differs.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <limits>

#include "harness/generate/device_agreement.h"
#include "harness/generate/float16_readiness.h"
#include "harness/generate/teacher_forced.h"
#include "harness/model/pattern.h"
#include "harness/testing/lm_cases.h"

namespace harness::generate {
namespace {

using namespace testing_support;

using ::testing::HasSubstr;

const LmCases& Cases() { return LmCases::OfTestdata(); }

// A model of a case in both precisions. `plant`: a tensor, of which all values are multiplied by `factor`.
struct Pair {
  explicit Pair(const std::string& name, const std::string& plant = "", double factor = 1) : row(Cases().Named(name)) {
    const architecture::LmSpec spec = LmCases::Describe(row).value();
    tensors = Cases().Bind(row, spec);
    // A table has no way to change a tensor, but for this one that is not const.
    if (!plant.empty()) const_cast<at::Tensor&>(tensors[plant]) = tensors[plant].to(at::kFloat) * factor;
    float32 = model::LanguageModel::Build(spec, tensors).value();
    float16 = model::LanguageModel::Build(spec, tensors, model::Placement{at::kCPU, model::Precision::kFloat16Autocast})
                  .value();
  }
  const LmCase& row;
  model::TensorTable tensors;
  std::optional<model::LanguageModel> float32, float16;
};

class AgreementTest : public testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(1); }
  c10::InferenceMode inference_;
};

// The reference's own greedy tokens, given back, are what each step finds likeliest.
TEST_F(AgreementTest, TeacherForcingFollowsProduction) {
  int compared = 0;
  for (const char* name : {"Plain", "PlainBuiltIn", "CrossCustom", "FuserPrepend", "Unroll", "CoarseFirst", "MusicLm",
                           "Parallel", "EmptyInitial"}) {
    SCOPED_TRACE(name);
    const Pair models(name);
    const at::Tensor& tokens = models.row.tokens;
    ASSERT_TRUE(tokens.defined());
    const auto logits = ComputeTeacherForcedLogits(*models.float32, models.row.conditions, tokens[0]);
    ASSERT_TRUE(logits.ok()) << logits.error().message;
    at::Tensor guided = (*logits)[0];
    if (logits->size(0) == 2) guided = (*logits)[1] + ((*logits)[0] - (*logits)[1]) * 3;
    const architecture::LmSpec& spec = models.float32->spec();
    const model::Pattern pattern = model::Pattern::Create(spec.pattern, spec.num_codebooks, tokens.size(2)).value();
    ASSERT_EQ(guided.size(1), pattern.num_steps());
    for (int64_t step = 1; step < pattern.num_steps(); ++step) {
      for (const auto& [frame, codebook] : pattern.step(step)) {
        EXPECT_EQ(guided[codebook][step - 1].argmax().item<int64_t>(), tokens[0][codebook][frame].item<int64_t>());
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 90);
}

TEST_F(AgreementTest, RowsOfCodesAreAsTheyAreAlone) {
  const Pair models("Plain");
  const at::Tensor a = at::tensor({1, 2, 3, 4, 5, 6}, at::kLong).view({2, 3}), b = 11 - a;
  const auto both = ComputeTeacherForcedLogits(*models.float32, {}, at::stack({a, b}));
  ASSERT_TRUE(both.ok());
  EXPECT_TRUE(at::allclose(both->narrow(0, 0, 1), *ComputeTeacherForcedLogits(*models.float32, {}, a), 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(both->narrow(0, 1, 1), *ComputeTeacherForcedLogits(*models.float32, {}, b), 1e-4, 1e-5));
  const model::LmConditions three = {{"description", at::zeros({3, 1, 4})}};
  const auto refused = ComputeTeacherForcedLogits(*models.float32, three, at::stack({a, b}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "codes have 2 rows, the conditions 3");
}

TEST_F(AgreementTest, RefusesCodesThatAreNone) {
  const Pair models("Plain");  // K = 2, cardinality 12
  const struct {
    const char* name;
    at::Tensor codes;
    const char* words;
  } rows[] = {
      {"Codebooks", at::zeros({3, 4}, at::kLong), "codes for a model of 2 codebooks are [1, 3, 4]: expected [B, K, T]"},
      {"Dimensions", at::zeros({1, 1, 2, 4}, at::kLong), "are [1, 1, 2, 4]"},
      {"NoFrame", at::zeros({2, 0}, at::kLong), "or [K, T]"},
      {"NoRow", at::zeros({0, 2, 4}, at::kLong), "are [0, 2, 4]"},
      {"Special", at::full({2, 4}, 12, at::kLong), "codes go from 12 to 12, transformer_lm.card is 12"},
      {"Negative", at::full({2, 4}, -1, at::kLong), "codes go from -1 to -1"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto logits = ComputeTeacherForcedLogits(*models.float32, {}, row.codes);
    ASSERT_FALSE(logits.ok());
    EXPECT_EQ(logits.error().code, ErrorCode::kMismatch);
    EXPECT_THAT(logits.error().message, HasSubstr(row.words));
  }
}

TEST_F(AgreementTest, SoundModelsAreReadyAndAgree) {
  for (const char* name : {"Plain", "CrossCustom", "PostNormCross", "LayerScaleCross", "Rope", "RopeXposCustom",
                           "QkLayerNormBoth", "KvRepeat", "FuserPrepend", "FuserAllFour", "MusicLm"}) {
    SCOPED_TRACE(name);
    const Pair models(name);
    const at::Tensor codes = at::arange(2 * 5).remainder(12).view({2, 5});
    const at::Tensor given = codes.repeat({models.row.codes.size(1) / 2, 1});
    model::LmConditions conditions = models.row.conditions;
    if (std::string(name) == "FuserAllFour") conditions[0].embedding = conditions[0].embedding.narrow(1, 0, 1);
    const auto readiness = CheckFloat16Readiness(*models.float16, *models.float32, conditions, given);
    ASSERT_TRUE(readiness.ok()) << readiness.error().message;
    EXPECT_TRUE(readiness->ready()) << Describe(*readiness);
    EXPECT_GT(readiness->largest, 0);
    EXPECT_EQ(readiness->steps, ComputeTeacherForcedLogits(*models.float32, conditions, given)->size(2));
    EXPECT_THAT(Describe(*readiness), HasSubstr("give no infinities: " + readiness->largest_layer));
    const auto agreement = CompareModels(*models.float32, *models.float16, conditions, given);
    ASSERT_TRUE(agreement.ok()) << agreement.error().message;
    RecordProperty(std::string(name) + "_difference", std::to_string(agreement->difference));
    EXPECT_TRUE(agreement->agrees()) << Describe(*agreement);
    EXPECT_GT(agreement->difference, 0) << "float16 rounds: nothing was compared";
    EXPECT_LT(agreement->tolerance, 0.02);
    EXPECT_GT(agreement->layers, 5);
    EXPECT_THAT(Describe(*agreement), HasSubstr("float16 on cpu against float32 on cpu"));
    const auto same = CompareModels(*models.float32, *models.float32, conditions, given);
    ASSERT_TRUE(same.ok());
    EXPECT_EQ(same->difference, 0);
  }
}

struct Overflow {
  const char* name;
  const char* plant;
  double factor;
  const char* layer;
  const char* words;
};

// What only float16 has: float32 keeps on, and the models part at the layer that is named.
TEST_F(AgreementTest, NamesTheLayerThatOverflows) {
  const Overflow rows[] = {
      {"Activations", "transformer.layers.1.linear2.weight", 8e4, "transformer.layers.1.linear2",
       "beyond float16's 65504"},
      {"Hidden", "transformer.layers.0.linear1.weight", 6e4, "transformer.layers.0.linear1", "infinite values"},
      {"Weight", "transformer.layers.1.self_attn.out_proj.weight", 1e7, "transformer.layers.1.self_attn", "NaN of"},
      {"Head", "linears.1.weight", 8e4, "linears.1", "infinite values"},
      {"OnlyInfinities", "linears.1.weight", 3e4, "linears.1", "infinite values of"},
      {"Queries", "transformer.layers.0.self_attn.in_proj_weight", 1e6, "transformer.layers.0.self_attn", "NaN"},
  };
  const at::Tensor codes = at::arange(2 * 5).remainder(12).view({2, 5});
  for (const Overflow& row : rows) {
    SCOPED_TRACE(row.name);
    const Pair models("Plain", row.plant, row.factor);
    const auto readiness = CheckFloat16Readiness(*models.float16, *models.float32, {}, codes);
    ASSERT_TRUE(readiness.ok()) << readiness.error().message;
    EXPECT_EQ(readiness->first_layer, row.layer);
    EXPECT_THAT(Describe(*readiness),
                HasSubstr(std::string(row.layer) + " is the first layer to leave float16's range"));
    EXPECT_THAT(Describe(*readiness), HasSubstr(row.words));
    EXPECT_FALSE(readiness->ready());
    EXPECT_GT(readiness->infinite + readiness->nan, 0);
    EXPECT_GE(readiness->values, readiness->infinite + readiness->nan);
    EXPECT_GT(readiness->float32_largest, 0) << "float32 was not asked";
    EXPECT_LT(readiness->largest, kFloat16Largest) << "an infinity for the largest finite value";
    const auto agreement = CompareModels(*models.float32, *models.float16, {}, codes);
    ASSERT_TRUE(agreement.ok()) << agreement.error().message;
    EXPECT_FALSE(agreement->agrees());
    EXPECT_EQ(agreement->first_layer, row.layer);
    EXPECT_THAT(Describe(*agreement),
                HasSubstr(std::string(row.layer) + " is the first layer to diverge: its outputs are not finite"));
    EXPECT_THAT(Describe(*agreement), HasSubstr("logits of the same codes are not finite"));
    EXPECT_EQ(agreement->difference, std::numeric_limits<double>::infinity()) << "NaN is no measure";
    EXPECT_EQ(agreement->layer_difference, std::numeric_limits<double>::infinity());
  }
}

// A code that only the last frame holds: every step counts.
TEST_F(AgreementTest, LooksAtEveryStep) {
  const Pair sound("Parallel"), models("Parallel", "emb.0.weight", 1);
  const_cast<at::Tensor&>(models.tensors["emb.0.weight"])[7] *= 1e6;
  at::Tensor codes = at::zeros({2, 5}, at::kLong);
  for (const bool planted : {false, true}) {
    SCOPED_TRACE(planted);
    if (planted) codes[0][3] = 7;
    const auto agreement = CompareModels(*sound.float32, *models.float32, models.row.conditions, codes);
    ASSERT_TRUE(agreement.ok()) << agreement.error().message;
    EXPECT_EQ(agreement->agrees(), !planted) << Describe(*agreement);
  }
}

// How far weights of one layer may be off before the layer is named: about as far as its precision rounds.
TEST_F(AgreementTest, HoldsEachLayerToItsRounding) {
  const struct {
    const char* name;
    const char* part;
    model::Precision precision;
    double off;
    bool agrees;
  } rows[] = {
      {"Float32Rounds", "linears.0", model::Precision::kFloat32, 1e-5, true},
      {"Float32Differs", "linears.0", model::Precision::kFloat32, 3e-4, false},
      {"Float32DiffersEarly", "transformer.layers.0.linear1", model::Precision::kFloat32, 3e-4, false},
      {"Float16Rounds", "linears.0", model::Precision::kFloat16Autocast, 6e-3, true},
      {"Float16Differs", "linears.0", model::Precision::kFloat16Autocast, 2e-2, false},
      {"Float16DiffersEarly", "transformer.layers.0.linear1", model::Precision::kFloat16Autocast, 2e-2, false},
  };
  const at::Tensor codes = at::arange(2 * 5).remainder(12).view({2, 5});
  const Pair sound("Plain");
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const Pair shifted("Plain", std::string(row.part) + ".weight", 1 + row.off);
    const model::LanguageModel& other =
        row.precision == model::Precision::kFloat32 ? *shifted.float32 : *shifted.float16;
    const auto agreement = CompareModels(*sound.float32, other, {}, codes);
    ASSERT_TRUE(agreement.ok()) << agreement.error().message;
    EXPECT_EQ(agreement->agrees(), row.agrees) << Describe(*agreement);
    EXPECT_EQ(agreement->first_layer, row.agrees ? "" : row.part);
  }
}

// Differences are relative to the first model, which is the one to be believed.
TEST_F(AgreementTest, MeasuresAgainstTheReference) {
  const at::Tensor codes = at::arange(2 * 5).remainder(12).view({2, 5});
  const Pair sound("Plain"), larger("Plain", "linears.1.weight", 8);
  const double small = ComputeTeacherForcedLogits(*sound.float32, {}, codes)->abs().max().item<double>();
  const double large = ComputeTeacherForcedLogits(*larger.float32, {}, codes)->abs().max().item<double>();
  const auto agreement = CompareModels(*sound.float32, *larger.float32, {}, codes);
  const auto reverse = CompareModels(*larger.float32, *sound.float32, {}, codes);
  ASSERT_TRUE(agreement.ok() && reverse.ok());
  EXPECT_FLOAT_EQ(static_cast<float>(agreement->largest_logit), static_cast<float>(small));
  EXPECT_FLOAT_EQ(static_cast<float>(reverse->largest_logit), static_cast<float>(large));
  EXPECT_GT(agreement->difference, 2);
  EXPECT_LT(reverse->difference, 1);
}

TEST(DeviceAgreementTest, IsToldInWords) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  DeviceAgreement sound;
  sound.difference = 0.25;
  sound.tolerance = 0.5;
  sound.largest_logit = 12;
  sound.closest_layer = "linears.0";
  sound.closest = 0.75;
  sound.layers = 30;
  sound.reference = "float32 on cpu";
  sound.other = "float16 on cuda";
  DeviceAgreement adds_up = sound, layer = sound, infinite = sound, nan = sound;
  adds_up.difference = 0.75;
  layer.first_layer = "transformer.layers.3.linear2";
  layer.layer_difference = 0.125;
  layer.layer_tolerance = 0.0625;
  infinite = layer;
  infinite.difference = infinite.layer_difference = kInfinity;
  nan.difference = std::numeric_limits<double>::quiet_NaN();
  const struct {
    const char* name;
    DeviceAgreement agreement;
    bool agrees;
    const char* words;
  } rows[] = {
      {"Sound", sound, true,
       "float16 on cuda against float32 on cpu: logits of the same codes differ by 0.25 of the largest, 12 (up to 0.5 "
       "is rounding); no layer of 30 diverges: linears.0 comes closest, at 0.75 of its tolerance"},
      {"AddsUp", adds_up, false,
       "float16 on cuda against float32 on cpu: logits of the same codes differ by 0.75 of the largest, 12, where up "
       "to "
       "0.5 is rounding; no single layer diverges: the errors add up. What was"},
      {"Layer", layer, false,
       "differ by 0.25 of the largest, 12, where up to 0.5 is rounding; transformer.layers.3.linear2 is the first "
       "layer "
       "to diverge: its outputs differ by 0.12 of the largest (up to 0.062 is rounding). What was"},
      {"Infinite", infinite, false,
       "logits of the same codes are not finite; transformer.layers.3.linear2 is the first layer to diverge: its "
       "outputs are not finite (up to"},
      {"NaN", nan, false, "logits of the same codes are not finite; no single layer"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(row.agreement.agrees(), row.agrees);
    EXPECT_THAT(Describe(row.agreement), HasSubstr(row.words));
  }
}

TEST(Float16ReadinessTest, IsToldInWords) {
  Float16Readiness sound, both;
  sound.largest_layer = "out_norm";
  sound.largest = 1637.6;
  sound.steps = 5;
  both.first_layer = "linears.0";
  both.infinite = 3;
  both.nan = 2;
  both.values = 96;
  both.float32_largest = 7e4;
  Float16Readiness nan = both;
  nan.infinite = 0;
  nan.float32_largest = 12;
  const struct {
    const char* name;
    Float16Readiness readiness;
    bool ready;
    const char* words;
  } rows[] = {
      {"Sound", sound, true,
       "5 steps in float16, as audiocraft runs on CUDA, give no infinities: out_norm has the largest magnitude, "
       "1637.6, "
       "40 times below float16's 65504"},
      {"Both", both, false,
       "linears.0 is the first layer to leave float16's range: 3 infinite values and 2 NaN of 96 in float16 (float32: "
       "70000 at most, beyond float16's 65504). On the CPU"},
      {"NaN", nan, false,
       "range: 2 NaN of 96 in float16 (float32: 12 at most; float16 ends at 65504, and a weight beyond it, or a "
       "product "
       "within the layer, becomes infinite)"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(row.readiness.ready(), row.ready);
    EXPECT_THAT(Describe(row.readiness), HasSubstr(row.words));
  }
}

// Finite, and wrong: another weight on one side.
TEST_F(AgreementTest, NamesTheLayerThatDiffers) {
  const at::Tensor codes = at::arange(2 * 5).remainder(12).view({2, 5});
  const Pair sound("Plain");
  for (const char* part : {"transformer.layers.0.linear1", "transformer.layers.1.linear2", "linears.0"}) {
    SCOPED_TRACE(part);
    const Pair other("Plain", std::string(part) + ".weight", 1.1);
    const auto agreement = CompareModels(*sound.float32, *other.float16, {}, codes);
    ASSERT_TRUE(agreement.ok()) << agreement.error().message;
    EXPECT_EQ(agreement->first_layer, part) << Describe(*agreement);
    EXPECT_FALSE(agreement->agrees());
  }
}

struct Parameter {
  const char* model;
  const char* tensor;
  bool rounded;
};

// The weights of the cases are float16 to begin with. Off by less than half of its last bit, one that the reference casts
// to float16 comes back to what it was; one that stays float32 does not.
TEST_F(AgreementTest, CastsTheParametersThatProductionCasts) {
  const Parameter rows[] = {
      {"LayerScale", "transformer.layers.0.norm1.weight", true},
      {"LayerScale", "transformer.layers.1.norm2.bias", true},
      {"LayerScale", "transformer.layers.0.layer_scale_1.scale", true},
      {"LayerScale", "transformer.layers.0.self_attn.in_proj_weight", true},
      {"LayerScale", "transformer.layers.1.linear1.weight", true},
      {"LayerScale", "linears.0.weight", true},  // by autocast, each time
      {"LayerScale", "emb.0.weight", false},
      {"LayerScale", "out_norm.weight", false},
      {"QkLayerNorm", "transformer.layers.0.self_attn.q_layer_norm.weight", false},
  };
  const at::Tensor codes = at::arange(2 * 5).remainder(12).view({2, 5});
  for (const Parameter& row : rows) {
    SCOPED_TRACE(row.tensor);
    const Pair stored(row.model), shifted(row.model, row.tensor, 1 + 1.0 / 8192);
    const auto expected = ComputeTeacherForcedLogits(*stored.float16, {}, codes);
    const auto logits = ComputeTeacherForcedLogits(*shifted.float16, {}, codes);
    ASSERT_TRUE(expected.ok() && logits.ok());
    EXPECT_EQ(at::equal(*logits, *expected), row.rounded);
  }
}

TEST_F(AgreementTest, RefusesModelsOfOtherShapes) {
  const auto agreement =
      CompareModels(*Pair("Plain").float32, *Pair("MusicLm").float32, {}, at::zeros({2, 4}, at::kLong));
  ASSERT_FALSE(agreement.ok());
  EXPECT_EQ(agreement.error().code, ErrorCode::kMismatch);
}

}  // namespace
}  // namespace harness::generate
