// One model in float32 and in emulated float16: the passes over given codes, what leaves float16's range, what differs.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include "harness/generate/device_agreement.h"
#include "harness/generate/float16_readiness.h"
#include "harness/generate/teacher_forced.h"
#include "harness/model/pattern.h"
#include "harness/model/test_cases.h"

namespace harness {
namespace {

using ::testing::HasSubstr;

const LmCases& Cases() { return LmCases::OfTestdata(); }

// A model of a case in both arithmetics. `plant`: a tensor, of which all values are multiplied by `factor`.
struct Pair {
  explicit Pair(const std::string& name, const std::string& plant = "", double factor = 1) : row(Cases().Named(name)) {
    const LmSpec spec = LmCases::Describe(row).value();
    tensors = Cases().Bind(row, spec);
    // A table has no way to change a tensor, but for this one that is not const.
    if (!plant.empty()) const_cast<at::Tensor&>(tensors[plant]) = tensors[plant].to(at::kFloat) * factor;
    float32 = LanguageModel::Build(spec, tensors).value();
    float16 = LanguageModel::Build(spec, tensors, Placement{at::kCPU, Arithmetic::kFloat16Autocast}).value();
  }
  const LmCase& row;
  TensorTable tensors;
  std::optional<LanguageModel> float32, float16;
};

class AgreementTest : public testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(1); }
  c10::InferenceMode inference_;
};

// Production's own greedy tokens, given back, are what each step finds likeliest.
TEST_F(AgreementTest, TeacherForcingFollowsProduction) {
  int compared = 0;
  for (const char* name : {"Plain", "PlainBuiltIn", "CrossCustom", "FuserPrepend", "Unroll", "CoarseFirst", "MusicLm",
                           "Parallel", "EmptyInitial"}) {
    SCOPED_TRACE(name);
    const Pair models(name);
    const at::Tensor& tokens = models.row.tokens;
    ASSERT_TRUE(tokens.defined());
    const auto logits = TeacherForcedLogits(*models.float32, models.row.conditions, tokens[0]);
    ASSERT_TRUE(logits.ok()) << logits.error().message;
    at::Tensor guided = (*logits)[0];
    if (logits->size(0) == 2) guided = (*logits)[1] + ((*logits)[0] - (*logits)[1]) * 3;
    const LmSpec& spec = models.float32->spec();
    const Pattern pattern = Pattern::Create(spec.pattern, spec.num_codebooks, tokens.size(2)).value();
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

TEST_F(AgreementTest, RefusesCodesThatAreNone) {
  const Pair models("Plain");  // K = 2, cardinality 12
  const struct {
    const char* name;
    at::Tensor codes;
    const char* words;
  } rows[] = {
      {"Codebooks", at::zeros({3, 4}, at::kLong),
       "codes for a model of 2 codebooks have 2 dimensions, the first of size 3"},
      {"Batch", at::zeros({1, 2, 4}, at::kLong), "have 3 dimensions"},
      {"NoFrame", at::zeros({2, 0}, at::kLong), "expected [K, T]"},
      {"Special", at::full({2, 4}, 12, at::kLong), "codes go from 12 to 12, transformer_lm.card is 12"},
      {"Negative", at::full({2, 4}, -1, at::kLong), "codes go from -1 to -1"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto logits = TeacherForcedLogits(*models.float32, {}, row.codes);
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
    LmConditions conditions = models.row.conditions;
    if (std::string(name) == "FuserAllFour") conditions[0].embedding = conditions[0].embedding.narrow(1, 0, 1);
    const auto readiness = CheckFloat16Readiness(*models.float16, *models.float32, conditions, given);
    ASSERT_TRUE(readiness.ok()) << readiness.error().message;
    EXPECT_TRUE(readiness->ready()) << Describe(*readiness);
    EXPECT_GT(readiness->largest, 0);
    EXPECT_THAT(Describe(*readiness), HasSubstr("give no infinities: " + readiness->largest_layer));
    const auto agreement = CompareModels(*models.float32, *models.float16, conditions, given);
    ASSERT_TRUE(agreement.ok()) << agreement.error().message;
    RecordProperty(std::string(name) + "_difference", std::to_string(agreement->difference));
    EXPECT_TRUE(agreement->agrees()) << Describe(*agreement);
    EXPECT_GT(agreement->difference, 0) << "float16 rounds: nothing was compared";
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
    const auto agreement = CompareModels(*models.float32, *models.float16, {}, codes);
    ASSERT_TRUE(agreement.ok()) << agreement.error().message;
    EXPECT_FALSE(agreement->agrees());
    EXPECT_EQ(agreement->first_layer, row.layer);
    EXPECT_THAT(Describe(*agreement), HasSubstr(std::string(row.layer) + " is the first layer to diverge"));
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

// The weights of the cases are float16 to begin with. Off by less than half of its last bit, one that production casts
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
    const auto expected = TeacherForcedLogits(*stored.float16, {}, codes);
    const auto logits = TeacherForcedLogits(*shifted.float16, {}, codes);
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
}  // namespace harness
