// Whole exports in float32 and in emulated float16: sound ones stay in range, and both agree within rounding.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cstdlib>

#include "harness/generate/device_agreement.h"
#include "harness/generate/float16_readiness.h"
#include "harness/pipeline/models.h"
#include "harness/pipeline/music.h"

namespace harness::pipeline {
namespace {

namespace fs = std::filesystem;

class Float16ExportTest : public testing::TestWithParam<const char*> {};

TEST_P(Float16ExportTest, StaysInRangeAndAgrees) {
  at::set_num_threads(1);
  const c10::InferenceMode inference;
  const fs::path fixtures = HARNESS_FIXTURES_DIR;
  exports::Export source(fixtures / "exports" / GetParam(), hub::HubCache(fixtures / "hub"), ".");
  for (const exports::Role role : {exports::Role::kLanguageModel, exports::Role::kCodec}) {
    ASSERT_TRUE(source.file(role).Present().ok());
    ASSERT_TRUE(source.file(role).Format().ok());
    ASSERT_TRUE(source.file(role).checkpoint().tensor_status().ok());
    ASSERT_TRUE(source.file(role).package().ok());
  }
  const auto float32 = LoadModels(source, {at::kCPU, model::Precision::kFloat32});
  const auto float16 = LoadModels(source, {at::kCPU, model::Precision::kFloat16Autocast});
  ASSERT_TRUE(float32.ok()) << float32.error().message;
  ASSERT_TRUE(float16.ok()) << float16.error().message;
  const architecture::LmSpec& spec = float32->language_model.spec();
  const at::Tensor codes = at::arange(spec.num_codebooks * 8).remainder(spec.cardinality).view({spec.num_codebooks, 8});
  const auto conditions = float16->conditions.Encode({{}}, /*together=*/true);
  ASSERT_TRUE(conditions.ok()) << conditions.error().message;
  for (const model::Condition& condition : conditions->positive) {
    EXPECT_EQ(condition.embedding.scalar_type(), at::kHalf) << condition.name;
  }
  const auto readiness =
      generate::CheckFloat16Readiness(float16->language_model, float32->language_model, conditions->positive, codes);
  ASSERT_TRUE(readiness.ok()) << readiness.error().message;
  EXPECT_TRUE(readiness->ready()) << generate::Describe(*readiness);
  const auto agreement =
      generate::CompareModels(float32->language_model, float16->language_model, conditions->positive, codes);
  ASSERT_TRUE(agreement.ok()) << agreement.error().message;
  RecordProperty("readiness", generate::Describe(*readiness));
  RecordProperty("agreement", generate::Describe(*agreement));
  EXPECT_TRUE(agreement->agrees()) << generate::Describe(*agreement);
  EXPECT_GT(agreement->difference, 0);

  generate::Sampling sampling;
  sampling.top_k = std::min<int64_t>(sampling.top_k, spec.cardinality);
  const MusicRequest request = {{{}}, MusicLength::Frames(4)};
  const auto music = GenerateMusic(*float16, request, sampling), again = GenerateMusic(*float16, request, sampling);
  ASSERT_TRUE(music.ok()) << music.error().message;
  EXPECT_TRUE(at::isfinite(music->audio).all().item<bool>());
  EXPECT_TRUE(at::equal(music->codes, again->codes)) << "the same seed gives other tokens";
  EXPECT_FALSE(music->peak_memory_bytes.has_value());
}

INSTANTIATE_TEST_SUITE_P(, Float16ExportTest,
                         testing::Values("musicgen-tiny-mono", "musicgen-tiny-melody", "musicgen-tiny-lut",
                                         "musicgen-tiny-rope", "musicgen-tiny-post-norm", "musicgen-tiny-stereo"),
                         [](const auto& row) {
                           std::string name = std::string(row.param).substr(std::string("musicgen-tiny-").size());
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace harness::pipeline
