// The language model in float16 under autocast against the real one: testdata/float16_cases.pt.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/model/language_model.h"
#include "harness/testing/lm_cases.h"

namespace harness::model {
namespace {

using namespace testing_support;

const LmCases& Cases() { return LmCases::OfTestdata(); }

const std::map<std::string, at::Tensor>& Goldens() {
  static const auto* goldens =
      new std::map<std::string, at::Tensor>(Float16Logits(HARNESS_MODEL_TESTDATA "/float16_cases.pt"));
  return *goldens;
}

// Root of the mean square difference; NaN counts as infinite.
double Distance(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.sizes() == b.sizes(), "shapes ", a.sizes(), " and ", b.sizes());
  const double distance = (a.to(at::kDouble) - b.to(at::kDouble)).square().mean().sqrt().item<double>();
  return std::isnan(distance) ? INFINITY : distance;
}

class Float16Test : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { at::set_num_threads(1); }
  c10::InferenceMode inference_;
};

TEST_P(Float16Test, AsTheRealOne) {
  const LmCase& row = Cases().Named(GetParam());
  const architecture::LmSpec spec = LmCases::Describe(row).value();
  const auto model =
      LanguageModel::Build(spec, Cases().Bind(row, spec), Placement{at::kCPU, Precision::kFloat16Autocast});
  ASSERT_TRUE(model.ok()) << model.error().message;
  const at::Tensor logits = Streamed(*model, row), &golden = Goldens().at(row.name);
  EXPECT_EQ(logits.scalar_type(), at::kHalf);
  const double distance = Distance(logits, golden), float32 = Distance(row.streamed, golden);
  // Operation by operation the same, so most cases agree to the bit. Sums of another order now and then round to the
  // next float16 (2^-11), which runs on as an error of its own: half as far as float32 is, is another precision.
  RecordProperty("distance", std::to_string(distance));
  RecordProperty("of_float32", std::to_string(float32));
  EXPECT_LE(distance, 0.5 * float32);
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& [name, logits] : Goldens()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(, Float16Test, testing::ValuesIn(Names()), [](const auto& row) { return row.param; });

}  // namespace
}  // namespace harness::model
