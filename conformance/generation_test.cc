// How the checks of generation judge what a stage left: records made up here, in the place of models that ran.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "conformance/context.h"
#include "conformance/run_report.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::CheckStatus;
using testing::HasSubstr;

GenerationRecord Recorded() {
  GenerationRecord record;
  record.device = "cpu";
  record.device_name = "a device";
  record.runs[0].status = GenerationRun::Status::kDone;
  record.runs[0].frames = 7;
  record.float16_readiness = {.not_run = "", .passed = true, .message = "m", .measured = 1, .limit = 2};
  return record;
}

GenerationRecord WithRun(GenerationRun::Status status, const std::string& message) {
  GenerationRecord record = Recorded();
  record.runs[0].status = status;
  record.runs[0].message = message;
  return record;
}

// The check's own judgement, whatever it needs of others.
Outcome Judge(const std::string& id, const GenerationRecord& record, int64_t float16_steps = 4,
              std::vector<std::string> devices = {}) {
  Settings settings;
  settings.export_dir = fs::path(testing::TempDir()) / "no-export";
  settings.output_dir = fs::path(testing::TempDir()) / fmt::format("generation_test.{}", getpid());
  settings.profile.float16_steps = float16_steps;
  settings.profile.devices = std::move(devices);
  Context::Install(std::move(settings), [record](Context&, const std::string&) { return record; });
  for (const Check& check : Catalogue()) {
    if (check.id == id) return check.run(Context::Get());
  }
  return Fail("there is no check " + id);
}

TEST(GenerationCheck, MeasuresTheDeviceThatRan) {
  GenerationRecord record = Recorded();
  const Outcome cpu = Judge("generation/cpu/prompt0/runs", record);
  EXPECT_EQ(cpu.status, CheckStatus::kPass) << cpu.message;
  EXPECT_EQ(cpu.measured.at("device"), "a device");
  EXPECT_EQ(cpu.measured.at("frames"), 7);
  EXPECT_FALSE(cpu.measured.contains("compute_capability"));
  EXPECT_FALSE(cpu.measured.contains("driver_version"));
  record.compute_capability = "9.0";
  record.driver_version = "13.0";
  const Outcome card = Judge("generation/cpu/prompt0/runs", record);
  EXPECT_EQ(card.measured.at("compute_capability"), "9.0");
  EXPECT_EQ(card.measured.at("driver_version"), "13.0");
}

TEST(GenerationCheck, SaysWhyNothingRan) {
  GenerationRecord absent = Recorded(), broken = Recorded();
  absent.problem = "no device";
  absent.skipped = true;
  broken.problem = "out of memory";
  const GenerationRecord empty = WithRun(GenerationRun::Status::kEmptySlot, "");
  const GenerationRecord skipped = WithRun(GenerationRun::Status::kSkipped, "no T5");
  const GenerationRecord failed = WithRun(GenerationRun::Status::kFailed, "NaN logits");
  const struct {
    const char* name;
    const char* slot;
    GenerationRecord record;
    CheckStatus status;
    const char* words;
  } rows[] = {
      {"Absent", "prompt0", absent, CheckStatus::kSkip, "no device"},
      {"Broken", "prompt0", broken, CheckStatus::kFail, "out of memory"},
      {"BrokenToldOnce", "prompt1", broken, CheckStatus::kBlocked, "blocked by generation/cpu/prompt0/runs"},
      {"EmptySlot", "prompt0", empty, CheckStatus::kSkip, "no prompt in this slot"},
      {"Skipped", "prompt0", skipped, CheckStatus::kSkip, "no T5"},
      {"Failed", "prompt0", failed, CheckStatus::kFail, "cpu (unconditional): NaN logits"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const Outcome outcome = Judge(fmt::format("generation/cpu/{}/runs", row.slot), row.record);
    EXPECT_EQ(outcome.status, row.status);
    EXPECT_THAT(outcome.message, HasSubstr(row.words));
  }
}

TEST(GenerationCheck, JudgesTheProbeInFloat16) {
  GenerationRecord absent = Recorded(), broken = Recorded(), failed = Recorded(), not_run = Recorded();
  absent.problem = "cpu is not run";
  absent.skipped = true;
  broken.problem = "out of memory";
  failed.float16_readiness.passed = false;
  not_run.float16_readiness.not_run = "options that are not built";
  const struct {
    const char* name;
    GenerationRecord record;
    int64_t float16_steps;
    std::vector<std::string> devices;
    CheckStatus status;
    const char* message;
  } rows[] = {
      {"Passed", Recorded(), 4, {}, CheckStatus::kPass, ""},
      {"Failed", failed, 4, {}, CheckStatus::kFail, "m"},
      {"NotRun", not_run, 4, {}, CheckStatus::kSkip, "options that are not built"},
      {"NothingLeft", GenerationRecord(), 4, {}, CheckStatus::kSkip, "no probe was left"},
      {"Absent", absent, 4, {}, CheckStatus::kSkip, "cpu is not run"},
      {"Broken", broken, 4, {}, CheckStatus::kBlocked, "blocked by generation/cpu/prompt0/runs"},
      {"LeftOut", Recorded(), 0, {}, CheckStatus::kSkip, "generation.float16_steps is 0 in the profile"},
      {"OtherDevice",
       Recorded(),
       4,
       {"cuda"},
       CheckStatus::kSkip,
       "cpu is not run: the profile's devices leave it out"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const Outcome outcome = Judge("generation/float16_readiness", row.record, row.float16_steps, row.devices);
    EXPECT_EQ(outcome.status, row.status);
    EXPECT_EQ(outcome.message, row.message);
    const bool judged = row.status == CheckStatus::kPass || row.status == CheckStatus::kFail;
    EXPECT_EQ(outcome.measured, judged ? nlohmann::json(1) : nlohmann::json());
    EXPECT_EQ(outcome.limit, judged ? nlohmann::json(2) : nlohmann::json());
  }
}

TEST(GenerationCheck, LeavesARequirementUnmet) {
  Judge("generation/cpu/prompt0/runs", Recorded());  // prompt0 is unconditional, prompt1 a text; no more
  const struct {
    const char* id;
    const char* reason;
    const char* requirement;
  } rows[] = {
      {"generation/cpu/prompt0/runs", "unsupported here: x", ""},
      {"generation/cpu/prompt1/runs", "texts need spaCy", "text"},
      {"generation/cpu/prompt2/runs", "no prompt in this slot of the profile", ""},
      {"generation/cpu/melody/runs", "the model takes no melody", "melody"},
      {"generation/cpu/prompt1/runs", "cpu is not run: the profile's devices leave it out", ""},
      {"generation/cpu/prompt1/codes", "texts need spaCy", ""},
      {"generation/cuda/prompt0/runs", "cuda is not run: no CUDA device", "cuda"},
      {"generation/cuda/prompt0/runs", "unsupported here: x", "cuda"},
      {"generation/cuda/prompt1/runs", "cuda is not run: no CUDA device", ""},
      {"generation/cuda/prompt1/runs", "texts need spaCy", "text"},
      {"generation/cuda/melody/runs", "cuda is not run: no CUDA device", ""},
      {"generation/text_encoder", "no T5", "text"},
      {"codec_compatibility/weights", "not in the cache", "codec"},
      {"codec_compatibility/stereo", "x", ""},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(RequirementOf(Context::Get(), row.id, row.reason), row.requirement) << row.id << ": " << row.reason;
  }
}

// What makes the sound wrong is told by its own check, first; a weight beyond float16 also before both probes.
TEST(GenerationCheck, ComesAfterWhatExplainsIt) {
  const std::string range = "state_dict_integrity/language_model/float16_range";
  for (const Check& check : Catalogue()) {
    if (!check.id.starts_with("generation/") ||
        (!check.id.ends_with("/runs") && check.id.find("float16_readiness") == std::string::npos &&
         check.id.find("cuda_agrees") == std::string::npos)) {
      continue;
    }
    SCOPED_TRACE(check.id);
    EXPECT_THAT(check.needs, testing::IsSupersetOf({"state_dict_integrity/codec/checksums",
                                                    "shape_config_agreement/language_model/transformer",
                                                    "codec_compatibility/codebooks", "generation/conditioners"}));
    EXPECT_THAT(check.needs, testing::Not(testing::Contains("file_presence/folder_name")));
    EXPECT_THAT(check.unless_failed, testing::ElementsAre("generation/text_encoder"));
    const bool in_float16 = check.id.find("/cpu/") == std::string::npos;
    EXPECT_EQ(std::find(check.needs.begin(), check.needs.end(), range) != check.needs.end(), in_float16);
  }
}

}  // namespace
}  // namespace conformance
