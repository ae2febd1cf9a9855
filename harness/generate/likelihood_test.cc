// The cross-entropy of given codes against what each step of generation would have given them, and the test of means.
#include "harness/generate/likelihood.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/generate/paired.h"
#include "harness/model/pattern.h"
#include "harness/testing/lm_cases.h"

namespace harness::generate {
namespace {

class LikelihoodTest : public testing::Test {
 protected:
  void SetUp() override { at::set_num_threads(1); }
  c10::InferenceMode inference_;
};

model::LmConditions FirstRow(const model::LmConditions& conditions) {
  model::LmConditions row;
  for (const model::Condition& condition : conditions)
    row.push_back({condition.name, condition.embedding.narrow(0, 0, 1)});
  return row;
}

// One pass over all steps, against a pass a step: what generation computes.
TEST_F(LikelihoodTest, IsWhatStreamingGivesTheSameCodes) {
  for (const char* name : {"Plain", "CrossCustom", "FuserPrepend", "Unroll", "CoarseFirst", "MusicLm", "Parallel"}) {
    SCOPED_TRACE(name);
    const LmCase& row = LmCases::OfTestdata().Named(name);
    const architecture::LmSpec spec = LmCases::Describe(row).value();
    const model::LanguageModel model = model::LanguageModel::Build(spec, LmCases::OfTestdata().Bind(row, spec)).value();
    const model::LmConditions conditions = FirstRow(row.conditions);
    const at::Tensor codes = row.tokens[0];
    const auto measured = MeasureLikelihood(model, conditions, codes);
    ASSERT_TRUE(measured.ok()) << measured.error().message;
    const model::Pattern pattern = model::Pattern::Create(spec.pattern, codes.size(0), codes.size(1)).value();
    model::LmState state = model.Start(conditions, 1, pattern.num_steps());
    at::Tensor current = at::full({1, codes.size(0), 1}, spec.cardinality, at::kLong);
    int64_t compared = 0;
    for (int64_t step = 1; step < pattern.num_valid_steps(); ++step) {
      const at::Tensor logits = model.Forward(current, state)[0].select(1, -1);  // [K, cardinality]
      current = at::full({1, codes.size(0), 1}, spec.cardinality, at::kLong);
      for (const auto& [frame, codebook] : pattern.step(step)) {
        const at::Tensor code = codes[codebook][frame];
        current[0][codebook][0].copy_(code);
        EXPECT_TRUE(measured->valid[codebook][frame].item<bool>());
        EXPECT_NEAR(measured->nats[codebook][frame].item<double>(),
                    -logits[codebook].log_softmax(-1)[code.item<int64_t>()].item<double>(), 2e-5);
        ++compared;
      }
    }
    EXPECT_EQ(compared, measured->valid.sum().item<int64_t>());
    EXPECT_GT(compared, 0);
    EXPECT_LE(measured->tempered.sum().item<double>(), measured->nats.sum().item<double>());
  }
}

// The frames that a delay pushes beyond the last whole step are not predicted: 1 of codebook 1, none of codebook 0.
TEST_F(LikelihoodTest, LeavesOutWhatTheReferenceMasks) {
  architecture::PatternSpec spec;
  spec.modeling = "delay";
  spec.delays = {0, 2};
  const model::Pattern pattern = model::Pattern::Create(spec, 2, 5).value();
  EXPECT_EQ(pattern.num_steps(), 8);
  EXPECT_EQ(pattern.num_valid_steps(), 6);
}

TEST_F(LikelihoodTest, RefusesCodesOfAnotherModel) {
  const LmCase& row = LmCases::OfTestdata().Named("Plain");
  const architecture::LmSpec spec = LmCases::Describe(row).value();
  const model::LanguageModel model = model::LanguageModel::Build(spec, LmCases::OfTestdata().Bind(row, spec)).value();
  const auto measured =
      MeasureLikelihood(model, FirstRow(row.conditions), at::full({2, 4}, spec.cardinality, at::kLong));
  ASSERT_FALSE(measured.ok());
  EXPECT_EQ(measured.error().code, ErrorCode::kMismatch);
}

// Values of tables of Student's t.
TEST(Paired, TailIsStudents) {
  EXPECT_NEAR(StudentUpperTail(0, 5), 0.5, 1e-12);
  EXPECT_NEAR(StudentUpperTail(2.015048, 5), 0.05, 1e-6);
  EXPECT_NEAR(StudentUpperTail(2.821438, 9), 0.01, 1e-6);
  EXPECT_NEAR(StudentUpperTail(-2.821438, 9), 0.99, 1e-6);
  EXPECT_NEAR(StudentUpperTail(1, 1), 0.25, 1e-9);
}

TEST(Paired, SaysNothingOfTwoBlocks) {
  const BlockTest test = TestAboveZero(std::vector<double>(29, 1.0), 10);
  EXPECT_EQ(test.blocks, 2);
  EXPECT_EQ(test.p, 1);
}

// Means 1, 2, 6: variance 7 (over two degrees of freedom), of a mean of three 7/3.
TEST(Paired, ErrorIsThatOfAMeanOfBlocks) {
  const BlockTest test = TestAboveZero({0, 2, 1, 3, 5, 7}, 2);
  EXPECT_EQ(test.mean, 3);
  EXPECT_NEAR(test.standard_error, std::sqrt(7.0 / 3), 1e-12);
  EXPECT_NEAR(test.p, StudentUpperTail(3 / std::sqrt(7.0 / 3), 2), 1e-12);
  // What is left over goes to the last one.
  EXPECT_EQ(TestAboveZero({0, 2, 1, 3, 5, 7, 6}, 2).blocks, 3);
}

TEST(Paired, FindsAShiftAndNotNoise) {
  std::vector<double> noise, shifted;
  for (int i = 0; i < 100; ++i) {
    noise.push_back(std::sin(i * 0.7));
    shifted.push_back(noise.back() + 0.5);
  }
  EXPECT_GT(TestAboveZero(noise, 10).p, 0.01);
  EXPECT_LT(TestAboveZero(shifted, 10).p, 1e-6);
}

}  // namespace
}  // namespace harness::generate
