// The probes on whole exports: what they look at, what they leave, and that they can fail.
#include "conformance/stages/model_probes.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "conformance/framework/run.h"
#include "harness/audio/npy.h"
#include "harness/pipeline/models.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::model::Precision;
using harness::report::CheckStatus;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t kSteps = 3;

class ModelProbeTest : public testing::Test {
 protected:
  ModelProbeTest() { at::set_num_threads(1); }

  // The run's export, all that its models need judged.
  Context& Open(const std::string& name, int64_t float16_steps = kSteps) {
    const fs::path fixtures = HARNESS_FIXTURES_DIR;
    Settings settings;
    settings.export_dir = fixtures / "exports" / name;
    settings.output_dir = fs::path(testing::TempDir()) / fmt::format("model_probes_test.{}", getpid());
    settings.hub_root = fixtures / "hub";
    settings.profile.float16_steps = float16_steps;
    const RunPlan plan = MakePlan(settings, {});
    conformance::Run& run = StartRun(std::move(settings), plan, nullptr);
    for (const Check& check : run.graph.checks()) {
      if (check.id.starts_with("generation/") || check.id.starts_with("audio_output/")) continue;
      const Outcome& outcome = run.evaluator.Evaluate(check);
      EXPECT_TRUE(outcome.passed() || outcome.status == CheckStatus::kSkip) << check.id;
    }
    return run.context;
  }

  static harness::pipeline::Models Load(Context& context, Precision precision) {
    return harness::pipeline::LoadModels(context.exported(), {at::kCPU, precision}).value();
  }

  // What a device would hold that made something else of `name`'s weights.
  harness::pipeline::Models LoadOther(const std::string& name) {
    const fs::path fixtures = HARNESS_FIXTURES_DIR;
    other_ = std::make_unique<harness::exports::Export>(fixtures / "exports" / name,
                                                        harness::hub::HubCache(fixtures / "hub"), ".");
    for (const auto role : {harness::exports::Role::kLanguageModel, harness::exports::Role::kCodec}) {
      EXPECT_TRUE(other_->file(role).Present().ok());
      EXPECT_TRUE(other_->file(role).Format().ok());
      EXPECT_TRUE(other_->file(role).checkpoint().tensor_status().ok());
      EXPECT_TRUE(other_->file(role).package().ok());
    }
    return harness::pipeline::LoadModels(*other_, {at::kCPU, Precision::kFloat16Autocast}).value();
  }

  std::unique_ptr<harness::exports::Export> other_;  // the models' weights are views of its files

  c10::InferenceMode inference_;
};

TEST_F(ModelProbeTest, FindsASoundModelReadyForFloat16) {
  Context& context = Open("musicgen-tiny-mono");
  const ModelProbe probe = ProbeFloat16(context, Load(context, Precision::kFloat32), {});
  EXPECT_EQ(probe.not_run, "");
  EXPECT_TRUE(probe.passed) << probe.message;
  EXPECT_EQ(probe.message, "");
  EXPECT_EQ(probe.limit, nlohmann::json({{"largest", 65504}}));
  EXPECT_GT(probe.measured.at("largest"), 0);
  EXPECT_LT(probe.measured.at("largest"), 65504);
  EXPECT_NE(probe.measured.at("largest_layer"), "");
  EXPECT_EQ(probe.measured.at("first_layer"), "");
}

// As many frames as the profile says, or as the run left, which are its own codes.
TEST_F(ModelProbeTest, TakesTheCodesOfTheRun) {
  Context& context = Open("musicgen-tiny-mono");
  const harness::pipeline::Models models = Load(context, Precision::kFloat32);
  const int64_t codebooks = models.language_model.spec().num_codebooks;
  const auto steps_of = [&](int64_t frames) {
    GenerationRun run;
    run.status = GenerationRun::Status::kDone;
    run.tokens = fmt::format("{}.npy", frames);
    harness::audio::NpyArray<int32_t> codes{{codebooks, frames}, std::vector<int32_t>(codebooks * frames, 1)};
    fs::create_directories(context.settings().output_dir);
    EXPECT_TRUE(harness::audio::WriteNpy(context.settings().output_dir / run.tokens, codes).ok());
    return ProbeFloat16(context, models, run).measured.at("steps").get<int64_t>();
  };
  const int64_t one = steps_of(1);
  EXPECT_EQ(steps_of(2), one + 1);
  EXPECT_EQ(steps_of(kSteps + 5), one + kSteps - 1);
  EXPECT_EQ(ProbeFloat16(context, models, {}).measured.at("steps"), one + kSteps - 1) << "where nothing was generated";
}

TEST_F(ModelProbeTest, LeavesFloat16OutWhereTheProfileDoes) {
  Context& context = Open("musicgen-tiny-mono", 0);
  const ModelProbe probe = ProbeFloat16(context, Load(context, Precision::kFloat32), {});
  EXPECT_EQ(probe.not_run, "no probe was left");
  EXPECT_FALSE(probe.passed);
}

TEST_F(ModelProbeTest, FindsTwoPrecisionsOfOneModelAgree) {
  Context& context = Open("musicgen-tiny-mono");
  const ModelProbe probe = ProbeAgreement(context, Load(context, Precision::kFloat16Autocast), {});
  EXPECT_EQ(probe.not_run, "");
  EXPECT_TRUE(probe.passed) << probe.message;
  EXPECT_EQ(probe.message, "");
  EXPECT_GT(probe.measured.at("difference"), 0) << "float32 was compared with itself";
  EXPECT_LT(probe.measured.at("difference"), probe.limit.at("difference"));
  EXPECT_LT(probe.limit.at("difference"), 0.02);
  EXPECT_GT(probe.measured.at("layers"), 10);
  EXPECT_GT(probe.measured.at("largest_logit"), 0);
  EXPECT_EQ(probe.measured.at("first_layer"), "");
}

// Another weight in the place of what a device made of this one.
TEST_F(ModelProbeTest, NamesTheLayerThatADeviceComputesOtherwise) {
  const std::string layer = "transformer.layers.1.linear2";
  Context& context = Open("musicgen-tiny-mono");
  harness::pipeline::Models models = Load(context, Precision::kFloat16Autocast);
  const harness::exports::CheckedTensors& tensors = context.exported().tensors(harness::exports::Role::kLanguageModel);
  const auto table = harness::model::TensorTable::Bind(
      context.exported().file(harness::exports::Role::kLanguageModel).checkpoint(), tensors.specs, tensors.Binding());
  ASSERT_TRUE(table.ok()) << table.error().message;
  // A table has no way to change a tensor, but for this one.
  at::Tensor& weight = const_cast<at::Tensor&>((*table)[layer + ".weight"]);
  weight = weight.to(at::kFloat) * 1.1;
  models.language_model = harness::model::LanguageModel::Build(*context.exported().lm_spec(), *table,
                                                               {at::kCPU, Precision::kFloat16Autocast})
                              .value();
  const ModelProbe probe = ProbeAgreement(context, models, {});
  EXPECT_EQ(probe.not_run, "");
  EXPECT_FALSE(probe.passed);
  EXPECT_THAT(probe.message, StartsWith("state_dict.bin: float16 on cpu against float32 on cpu: logits of the same"));
  EXPECT_THAT(probe.message, HasSubstr(layer + " is the first layer to diverge"));
  EXPECT_EQ(probe.measured.at("first_layer"), layer);
  EXPECT_GT(probe.measured.at("difference"), probe.limit.at("difference"));
}

// A model that this suite can't compare is no fault of the export; one of another shape is.
TEST_F(ModelProbeTest, SaysWhatCannotBeCompared) {
  const harness::pipeline::Models models = LoadOther("musicgen-tiny-post-norm");
  Context& context = Open("musicgen-tiny-pattern-delay");
  const ModelProbe probe = ProbeAgreement(context, models, {});
  EXPECT_FALSE(probe.passed);
  EXPECT_EQ(probe.not_run, "");
  EXPECT_EQ(probe.message, "two models of other shapes can't be compared");
}

}  // namespace
}  // namespace conformance
