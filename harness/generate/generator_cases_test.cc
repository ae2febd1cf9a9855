// Greedy, guided tokens against the real LMModel.generate: the rows of lm_cases.pt (scripts/oracle/lm_cases.py).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include "harness/generate/generator.h"
#include "harness/testing/lm_cases.h"

namespace harness::generate {
namespace {

using namespace testing_support;

TEST(GenerateCodes, GivesTheTokensOfTheRealOne) {
  at::set_num_threads(1);
  const c10::InferenceMode inference;
  const LmCases& cases = LmCases::OfTestdata();
  int compared = 0;
  for (const LmCase& row : cases.all()) {
    if (!row.raises_stage.empty()) continue;
    SCOPED_TRACE(row.name);
    const architecture::LmSpec spec = LmCases::Describe(row).value();
    const auto model = model::LanguageModel::Build(spec, cases.Bind(row, spec));
    ASSERT_TRUE(model.ok()) << model.error().message;
    model::GuidedConditions conditions;
    for (const model::Condition& condition : row.conditions) {
      conditions.positive.push_back({condition.name, condition.embedding.narrow(0, 0, 1)});
      conditions.null.push_back({condition.name, condition.embedding.narrow(0, 1, 1)});
    }
    Sampling sampling;
    sampling.mode = Sampling::Mode::kGreedy;
    sampling.cfg_coef = 3;
    const int64_t frames = row.tokens.defined() ? row.tokens.size(2) : 5;
    const auto codes = GenerateCodes(*model, conditions, 1, frames, sampling);
    if (!row.tokens.defined()) {
      ASSERT_FALSE(codes.ok()) << "production raises";
      EXPECT_EQ(codes.error().code, ErrorCode::kMismatch) << codes.error().message;
      continue;
    }
    ASSERT_TRUE(codes.ok()) << codes.error().message;
    EXPECT_TRUE(at::equal(*codes, row.tokens)) << *codes << "\n" << row.tokens;
    ++compared;
  }
  EXPECT_GT(compared, 90);
}

}  // namespace
}  // namespace harness::generate
