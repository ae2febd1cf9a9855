// How the checks of generation judge what a stage left: records made up here, in the place of models that ran.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "conformance/framework/run.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::report::CheckStatus;
using testing::HasSubstr;

GenerationRecord Recorded() {
  GenerationRecord record;
  record.device = "cpu";
  record.device_name = "a device";
  record.runs["prompt0"].status = GenerationRun::Status::kDone;
  record.runs["prompt0"].frames = 7;
  record.probes[ids::kFloat16Readiness] = {
      .not_run = "", .reason = "", .passed = true, .message = "m", .measured = 1, .limit = 2};
  return record;
}

GenerationRecord WithRun(GenerationRun::Status status, const std::string& message) {
  GenerationRecord record = Recorded();
  record.runs["prompt0"].status = status;
  record.runs["prompt0"].message = message;
  record.runs["prompt0"].reason = "why";
  return record;
}

// The check's own judgement, whatever it needs of others.
Outcome Evaluate(const std::string& id, const GenerationRecord& record) {
  Settings settings;
  settings.export_dir = fs::path(testing::TempDir()) / "no-export";
  settings.output_dir = fs::path(testing::TempDir()) / fmt::format("generation_test.{}", getpid());
  Run& run = StartRun(std::move(settings), MakePlan({}, {}), [record](Context&, const std::string&) { return record; });
  const Check* check = run.graph.Find(id);
  return check != nullptr ? check->evaluate(run.context) : Fail("there is no check " + id);
}

TEST(GenerationCheck, MeasuresTheDeviceThatRan) {
  GenerationRecord record = Recorded();
  const Outcome cpu = Evaluate("generation/cpu/prompt0/runs", record);
  EXPECT_EQ(cpu.status, CheckStatus::kPass) << cpu.message;
  EXPECT_EQ(cpu.measured.at("device"), "a device");
  EXPECT_EQ(cpu.measured.at("frames"), 7);
  EXPECT_FALSE(cpu.measured.contains("compute_capability"));
  EXPECT_FALSE(cpu.measured.contains("driver_version"));
  record.compute_capability = "9.0";
  record.driver_version = "13.0";
  const Outcome card = Evaluate("generation/cpu/prompt0/runs", record);
  EXPECT_EQ(card.measured.at("compute_capability"), "9.0");
  EXPECT_EQ(card.measured.at("driver_version"), "13.0");
}

TEST(GenerationCheck, SaysWhyNothingRan) {
  GenerationRecord absent = Recorded(), broken = Recorded();
  absent.problem = "no device";
  absent.skipped = true;
  absent.reason = reason::kNoDevice;
  broken.problem = "out of memory";
  GenerationRecord empty = Recorded();
  empty.runs.clear();
  const GenerationRecord beyond = WithRun(GenerationRun::Status::kUnsupported, "too many frames");
  const GenerationRecord skipped = WithRun(GenerationRun::Status::kSkipped, "no T5");
  const GenerationRecord failed = WithRun(GenerationRun::Status::kFailed, "NaN logits");
  const struct {
    const char* name;
    const char* run;
    GenerationRecord record;
    CheckStatus status;
    const char* words;
  } rows[] = {
      {"Absent", "prompt0", absent, CheckStatus::kSkip, "no device"},
      {"Broken", "prompt0", broken, CheckStatus::kFail, "out of memory"},
      {"BrokenReportedOnce", "prompt1", broken, CheckStatus::kBlocked, "blocked by generation/cpu/prompt0/runs"},
      {"NothingLeft", "prompt0", empty, CheckStatus::kSkip, "left nothing of cpu/prompt0"},
      {"Beyond", "prompt0", beyond, CheckStatus::kUnsupported, "too many frames"},
      {"Skipped", "prompt0", skipped, CheckStatus::kSkip, "no T5"},
      {"Failed", "prompt0", failed, CheckStatus::kFail, "cpu (unconditional): NaN logits"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const Outcome outcome = Evaluate(fmt::format("generation/cpu/{}/runs", row.run), row.record);
    EXPECT_EQ(outcome.status, row.status);
    EXPECT_THAT(outcome.message, HasSubstr(row.words));
  }
}

TEST(GenerationCheck, JudgesTheProbeInFloat16) {
  GenerationRecord absent = Recorded(), broken = Recorded(), failed = Recorded(), not_run = Recorded();
  absent.problem = "cpu is not run";
  absent.skipped = true;
  broken.problem = "out of memory";
  failed.probes[ids::kFloat16Readiness].passed = false;
  not_run.probes[ids::kFloat16Readiness].not_run = "options that are not built";
  const struct {
    const char* name;
    GenerationRecord record;
    CheckStatus status;
    const char* message;
  } rows[] = {
      {"Passed", Recorded(), CheckStatus::kPass, ""},
      {"Failed", failed, CheckStatus::kFail, "m"},
      {"NotRun", not_run, CheckStatus::kSkip, "options that are not built"},
      {"NothingLeft", GenerationRecord(), CheckStatus::kSkip, "no probe was left"},
      {"Absent", absent, CheckStatus::kSkip, "cpu is not run"},
      {"Broken", broken, CheckStatus::kBlocked, "blocked by generation/cpu/prompt0/runs"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const Outcome outcome = Evaluate(ids::kFloat16Readiness, row.record);
    EXPECT_EQ(outcome.status, row.status);
    EXPECT_EQ(outcome.message, row.message);
    const bool judged = row.status == CheckStatus::kPass || row.status == CheckStatus::kFail;
    EXPECT_EQ(outcome.measured, judged ? nlohmann::json(1) : nlohmann::json());
    EXPECT_EQ(outcome.limit, judged ? nlohmann::json(2) : nlohmann::json());
  }
}

TEST(GenerationCheck, StandsForARequirement) {
  Settings settings;
  settings.profile.melody = "a.wav";
  const CheckGraph graph(MakePlan(settings, {.cuda = true, .cpu = true, .text = true, .melody = true, .codec = true}));
  const struct {
    const char* id;
    const char* requirement;
  } rows[] = {
      {"generation/cpu/prompt0/runs", ""},      {"generation/cpu/prompt1/runs", "text"},
      {"generation/cpu/melody/runs", "melody"}, {"generation/cpu/prompt1/codes", ""},
      {"generation/cuda/prompt0/runs", "cuda"}, {"generation/cuda/prompt1/runs", "text"},
      {"generation/text_encoder", "text"},      {"codec_compatibility/weights", "codec"},
      {"codec_compatibility/stereo", ""},
  };
  for (const auto& row : rows) {
    ASSERT_NE(graph.Find(row.id), nullptr) << row.id;
    EXPECT_EQ(graph.Find(row.id)->requirement, row.requirement) << row.id;
  }
}

// What makes the sound wrong is reported by its own check, first; a weight beyond float16 also before both probes.
TEST(GenerationCheck, ComesAfterWhatExplainsIt) {
  const std::string range = "state_dict_integrity/language_model/float16_range";
  const CheckGraph graph(MakePlan({}, {.cuda = true, .cpu = true, .text = true, .melody = true, .codec = true}));
  for (const Check& check : graph.checks()) {
    if (!check.id.starts_with("generation/") || check.needs.empty() ||
        (!check.id.ends_with("/runs") && check.id.find("float16_readiness") == std::string::npos &&
         check.id.find("cuda_agrees") == std::string::npos)) {
      continue;
    }
    SCOPED_TRACE(check.id);
    EXPECT_THAT(check.needs, testing::IsSupersetOf({"state_dict_integrity/codec/checksums",
                                                    "shape_config_agreement/language_model/transformer",
                                                    "codec_compatibility/codebooks", "generation/conditioners"}));
    EXPECT_THAT(check.needs, testing::Not(testing::Contains("file_presence/folder_name")));
    EXPECT_THAT(check.explained_by, testing::ElementsAre("generation/text_encoder"));
    const bool in_float16 = check.id.find("/cpu/") == std::string::npos;
    EXPECT_EQ(std::find(check.needs.begin(), check.needs.end(), range) != check.needs.end(), in_float16);
  }
}

}  // namespace
}  // namespace conformance
