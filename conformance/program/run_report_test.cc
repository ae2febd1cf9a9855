#include "conformance/program/run_report.h"

#include <gmock/gmock.h>

#include "conformance/framework/check_ids.h"

namespace conformance {
namespace {

using harness::report::CheckResult;
using harness::report::CheckStatus;
using testing::ElementsAre;

CheckResult Result(const std::string& id, CheckStatus status, const std::string& requirement,
                   const std::string& reason = "") {
  return {.id = id,
          .category = ids::GetCategory(id),
          .status = status,
          .message = "",
          .reason = reason,
          .requirement = requirement,
          .measured = nullptr,
          .limit = nullptr};
}

harness::report::Report Assemble(const Settings& settings, const RunPlan& plan, std::vector<CheckResult> checks,
                                 const std::map<std::string, GenerationRecord>& records = {}) {
  const Context context(settings, plan, nullptr);
  return AssembleReport(context, std::move(checks), records);
}

TEST(RunReport, NamesWhatDidNotRun) {
  const std::vector<CheckResult> checks = {
      Result("generation/text_encoder", CheckStatus::kSkip, "text", reason::kNotInCache),
      Result("generation/cuda/prompt0/runs", CheckStatus::kFail, "cuda", reason::kDeviceUnusable),
      Result("generation/cpu/prompt1/runs", CheckStatus::kFail, "text"),
      Result("generation/cpu/melody/runs", CheckStatus::kSkip, "melody", reason::kTakesNoMelody),
      Result("codec_compatibility/weights", CheckStatus::kPass, "codec"),
  };
  Settings settings;
  EXPECT_THAT(Assemble(settings, {}, checks).not_run, ElementsAre("cuda", "text"));
  settings.require = {"melody"};
  EXPECT_THAT(Assemble(settings, {}, checks).not_run, ElementsAre("cuda", "melody", "text"));
  RunPlan plan;
  plan.unexercised = {"codec"};
  EXPECT_THAT(Assemble(settings, plan, {}).not_run, ElementsAre("codec"));
}

TEST(RunReport, ListsWhatWasGeneratedWithItsMetrics) {
  RunPlan plan;
  plan.cases = {{"cpu", 0}, {"cpu", 1}, {"cuda", 0}};
  std::map<std::string, GenerationRecord> records;
  GenerationRun& done = records["cpu"].runs["prompt0"];
  done.status = GenerationRun::Status::kDone;
  done.prompt = "rock";
  done.tokens = "t";
  done.audio = "a";
  done.frames = 3;
  records["cpu"].runs["prompt1"].status = GenerationRun::Status::kFailed;
  CheckResult level = Result("audio_output/cpu/prompt0/level", CheckStatus::kPass, "");
  level.measured = 0.5;
  CheckResult other = Result("audio_output/cpu/prompt1/level", CheckStatus::kPass, "");
  other.measured = 0.25;
  Settings settings;
  settings.profile.seed = 9;
  const harness::report::Report report = Assemble(settings, plan, {level, other}, records);
  ASSERT_EQ(report.generation.size(), 1u);
  const harness::report::GenerationResult& result = report.generation[0];
  EXPECT_EQ(result.device + result.run + result.prompt.value_or("") + result.tokens + result.audio, "cpuprompt0rockta");
  EXPECT_EQ(result.seed, 9);
  EXPECT_EQ(result.frames, 3);
  EXPECT_EQ(result.metrics, (nlohmann::json{{"level", 0.5}}));
  EXPECT_EQ(report.checks.size(), 2u);
}

TEST(RunReport, DescribesEachFileByItsOptions) {
  CheckResult options = Result(ids::kOptions(harness::exports::Role::kCodec), CheckStatus::kPass, "");
  options.measured = {{"channels", 2}};
  const harness::report::Report report = Assemble({}, {}, {options});
  EXPECT_EQ(report.export_info["codec"]["model"], (nlohmann::json{{"channels", 2}}));
  EXPECT_EQ(report.export_info["codec"]["file"], "compression_state_dict.bin");
  EXPECT_FALSE(report.export_info["language_model"].contains("model"));
}

}  // namespace
}  // namespace conformance
