#include "conformance/program/staged_run.h"

#include <fmt/format.h>

#include <set>

#include "conformance/framework/artifact.h"
#include "conformance/framework/registration.h"
#include "conformance/framework/supervised.h"
#include "conformance/program/conclude.h"
#include "conformance/program/output_folder.h"
#include "conformance/program/run_report.h"
#include "conformance/stages/production_loader.h"
#include "harness/base/error_text.h"
#include "harness/base/safe_text.h"

namespace conformance {
namespace {

using harness::report::CheckStatus;

// Reads every payload once, for all the checks that judge it.
int RunPayloadStage(Run& run) {
  Context& context = run.context;
  for (const auto role : kRoles) {
    const Outcome& storages = run.evaluator.Evaluate(ids::kStorages(role));
    if (!storages.passed()) {
      Print(fmt::format("{} is not read: {}\n", harness::exports::FileName(role), storages.message));
      continue;
    }
    const auto path = LocatePayloadArtifact(context.settings().output_dir, role);
    const auto leave = [&](const harness::Result<harness::weights::PayloadScan>& scan) {
      return ReportStatus(WriteArtifact(path, IdentifyRun(context.settings()), PayloadToJson(scan)));
    };
    const Ending ending = RunInChild([&] { return leave(context.exported().payload(role)); });
    if (ending.signal == 0 && ending.exit_code != EXIT_SUCCESS) return ending.exit_code;
    if (ending.signal == 0) continue;
    EndingText text = DescribeEnding(ending);
    text.message =
        fmt::format("{}: the process that reads the weights {}", harness::exports::FileName(role), text.message);
    Print(harness::JoinRemedy(text.message, text.remedy) + "\n");
    if (const int code = leave(harness::Error{harness::ErrorCode::kIo, text.message, text.remedy});
        code != EXIT_SUCCESS)
      return code;
  }
  return EXIT_SUCCESS;
}

// The first check of a device's generation, without which nothing is generated; null: the plan has none.
const Check* FindFirstRuns(const Run& run, const std::string& device) {
  const GenerationCase* first = run.context.plan().FindFirstCase(device);
  return first == nullptr ? nullptr : run.graph.Find(ids::kRuns(*first));
}

// Judges what stands before generation in this process, and leaves nothing where that fails.
int RunGenerationStage(Run& run, const std::string& device, const Context::Generator& generator) {
  Context& context = run.context;
  const Check* runs = FindFirstRuns(run, device);
  if (runs == nullptr) {
    Print(fmt::format("nothing is generated on {}: it is not part of this run\n", device));
    return kSkipExitCode;
  }
  if (const auto obstacle = run.evaluator.FindObstacle(*runs)) {
    Print(fmt::format("nothing is generated: {}\n", MakePrintable(*obstacle).message));
    return EXIT_SUCCESS;
  }
  const auto path = LocateGenerationArtifact(context.settings().output_dir, device);
  const Ending ending = RunInChild([&] {
    const GenerationRecord record = generator(context, device);
    if (!record.problem.empty()) Print(harness::SafeLine(harness::JoinRemedy(record.problem, record.remedy)) + "\n");
    if (!record.gpu_choice.empty()) Print(harness::SafeLine(record.gpu_choice) + "\n");
    if (!record.device_name.empty()) Print(fmt::format("{}: {}\n", device, harness::SafeLine(record.device_name)));
    return ReportStatus(WriteRecord(path, IdentifyRun(context.settings()), record));
  });
  if (ending.signal == 0) return ending.exit_code;
  GenerationRecord victim;
  victim.device = device;
  victim.reason = reason::kProcessEnded;
  const EndingText text = DescribeEnding(ending);
  victim.problem = fmt::format("the process that generates on {} {}", device, text.message);
  victim.remedy = text.remedy;
  Print(harness::JoinRemedy(victim.problem, victim.remedy) + "\n");
  // Success: the checks that need this stage run, and say so.
  return ReportStatus(WriteRecord(path, IdentifyRun(context.settings()), victim));
}

// Runs the reference, only where everything else passed.
int RunProductionStage(Run& run) {
  Context& context = run.context;
  const Check* loader = run.graph.Find(ids::kProductionLoader);
  if (loader == nullptr) {
    Print("audiocraft is not run: AUDIOCRAFT_PYTHON is not set\n");
    return kSkipExitCode;
  }
  if (const auto obstacle = run.evaluator.FindObstacle(*loader)) {
    Print(fmt::format("audiocraft is not run: {}\n", MakePrintable(*obstacle).message));
    return EXIT_SUCCESS;
  }
  return ReportStatus(WriteProduction(LocateProductionArtifact(context.settings().output_dir),
                                      IdentifyRun(context.settings()), RunProduction(context)));
}

constexpr const char* kBegin =
    "begin";  // in the place of a run's identity, in what the first stage leaves for the last one

// What the export's files were before anything was judged.
int RunBeginStage(const Context& context) {
  if (auto status = ClearArtifacts(context.settings()); !status.ok()) return ReportStatus(status);
  nlohmann::json files;
  for (const auto role : kRoles) files[Slug(role)] = IdentifyExportFile(context.settings(), role);
  return ReportStatus(WriteArtifact(LocateBeginArtifact(context.settings().output_dir), kBegin, files));
}

// Each check's process sees a file change under itself only. What changed between two of them is seen here.
void FailChanged(const Context& context, std::vector<harness::report::CheckResult>& checks) {
  const auto begin = ReadArtifact(LocateBeginArtifact(context.settings().output_dir), kBegin);
  if (!begin.ok()) return;  // a stage that was run by itself
  for (const auto role : kRoles) {
    if (begin->value(Slug(role), "") == IdentifyExportFile(context.settings(), role)) continue;
    for (harness::report::CheckResult& check : checks) {
      if (check.id != ids::kPresent(role) || check.status == CheckStatus::kFail) continue;
      check.status = CheckStatus::kFail;
      check.reason = reason::kFileChanged;
      check.message = fmt::format(
          "{}: changed while it was read: its size, its time or its place on the disk is another one than at the start. "
          "What was judged is not what is there now",
          harness::exports::FileName(role));
      check.remedy = "Wait until nothing writes to it, and run again";
    }
  }
}

int RunReportStage(Run& run) {
  Context& context = run.context;
  const std::vector<std::string> ids = run.graph.ids();
  auto collected = harness::report::ReadCheckResults(context.settings().output_dir / "checks", ids);
  if (!collected.ok()) return ReportStatus(collected.error());
  FailChanged(context, collected->checks);
  std::set<std::string> failures;  // a skip is handed on to the checks behind it, with its reason
  for (const harness::report::CheckResult& check : collected->checks) {
    if (check.reason == reason::kRunFailed) failures.insert(harness::JoinRemedy(check.message, check.remedy));
  }
  for (const std::string& why : failures) context.FailRun(why);
  std::map<std::string, GenerationRecord> records;
  for (const std::string& device : context.plan().devices) {
    auto record =
        ReadRecord(LocateGenerationArtifact(context.settings().output_dir, device), IdentifyRun(context.settings()));
    if (record.ok()) records[device] = std::move(record).value();
  }
  if (!collected->missing.empty()) {
    Print(fmt::format("{} of {} checks left no result: they were not selected, or died\n", collected->missing.size(),
                      ids.size()));
  }
  return Conclude(context, AssembleReport(context, std::move(collected->checks), records));
}

}  // namespace

int RunStage(Run& run, const std::string& stage, const Context::Generator& generator) {
  Context& context = run.context;
  if (!context.settings().export_dir) {
    Print("AUDIOCRAFT_EXPORT_DIR is not set: there is no export to judge\n");
    return kSkipExitCode;
  }
  auto folder = stage == "begin" ? OutputFolder::Claim(context.settings()) : OutputFolder::Join(context.settings());
  if (!folder.ok()) return ReportStatus(folder.error());
  if (stage == "begin") return RunBeginStage(context);
  if (stage == "payload") return RunPayloadStage(run);
  if (stage == "generate-cpu" && generator) return RunGenerationStage(run, "cpu", generator);
  if (stage == "generate-cuda" && generator) return RunGenerationStage(run, "cuda", generator);
  if (stage == "production") return RunProductionStage(run);
  if (stage == "report") {
    const int code = RunReportStage(run);
    folder->Leave();
    return code;
  }
  return ReportStatus(
      harness::Error{harness::ErrorCode::kMismatch, fmt::format("there is no stage '{}' in this program", stage)});
}

std::string ListForCTest(const Run& run, const std::string& plan) {
  const RunPlan& planned = run.context.plan();
  std::string text = fmt::format("set(conformance_plan \"{}\")\n", plan);
  const auto stage = [&text](const std::string& name, const char* program) {
    text += fmt::format("conformance_stage({} {})\n", name, program);
  };
  const auto generates = [&](const std::string& device) { return FindFirstRuns(run, device) != nullptr; };
  if (run.context.settings().export_dir) {
    stage("begin", "judge");
    stage("payload", "judge");
    for (const std::string& device : planned.devices) {
      if (generates(device)) stage("generate-" + device, "generate");
    }
    if (run.graph.Find(ids::kProductionLoader) != nullptr) stage("production", "judge");
    stage("report", "judge");
  }
  for (const std::string& category : ListCategories()) {
    for (const Check& check : ListTests(category)) {
      // Which stages leave what the check judges.
      std::string stages = category == "file_presence" ? "" : " payload";
      const bool sounds = category == "generation" || category == "audio_output";
      if (sounds && !check.device.empty() && generates(check.device)) stages += " " + check.device;
      if (check.id == ids::kProductionLoader) stages += " cpu production";
      text += fmt::format("conformance_check({} {} {}{})\n", ids::MakeSuiteName(category), check.test_name(), category,
                          stages);
    }
  }
  return text;
}

}  // namespace conformance
