#include "conformance/program.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <string_view>

#include "conformance/artifact.h"
#include "conformance/file_names.h"
#include "conformance/gpu_choice.h"
#include "conformance/output_folder.h"
#include "conformance/production_loader.h"
#include "conformance/run_report.h"
#include "conformance/shards.h"
#include "conformance/suite.h"
#include "conformance/supervised.h"
#include "harness/base/safe_text.h"
#include "harness/report/summary.h"

namespace conformance {
namespace {

using harness::CheckStatus;

constexpr int kSkipExitCode = 77;  // SKIP_RETURN_CODE of the stages in CTest
constexpr int kUsageExitCode = 2;  // the settings, or this machine: nothing that the export is to blame for

constexpr const char* kHelp =
    "Validates the MusicGen export in AUDIOCRAFT_EXPORT_DIR; see README.md for the variables.\n"
    "  --quiet                    only the summary, no line per test\n"
    "  --stage=NAME               one stage of a run that CTest drives: begin, payload, generate-cpu, generate-cuda, "
    "production, report\n"
    "  --merge DIR...             the verdict of shards (GTEST_TOTAL_SHARDS) that left their reports in these folders\n"
    "and GoogleTest's options: --gtest_filter=..., --gtest_output=xml:FILE, --gtest_list_tests, ...\n"
    "Exit status: 0 the verdict is pass, 1 it is not, 2 the settings can't be used, or the run failed (a full disk, no "
    "memory, an\noutput folder that is in use): that says nothing about the export. A shard, or a run with a filter, "
    "sees a part\nof the checks, so that the verdict in its report is never pass: it exits 0 where its own tests "
    "pass.\n\n";

// Not by fmt, which throws where the output can't be written. RunProgram finds that out at the end.
void Print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// All that is reported in this way is the run's failure, never the export's.
int Report(const harness::Status& status) {
  if (status.ok()) return EXIT_SUCCESS;
  const std::string line = harness::SafeLine(status.error().message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  return kUsageExitCode;
}

// What went wrong with the run itself, by name; the exit status that follows from it, else `code`.
int ConcludeRun(const Context& context, int code) {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return Report(harness::Error{harness::ErrorCode::kMachine, "the standard output can't be written: a full disk?"});
  }
  for (const std::string& why : context.run_failures()) {
    code = Report(harness::Error{harness::ErrorCode::kMachine, "the run failed, not the export: " + why});
  }
  return code;
}

// Writes the report, prints the summary, and gives the exit code that the verdict asks for, or `own`, where the report
// was written.
int Conclude(Context& context, harness::Report report, std::optional<int> own = std::nullopt) {
  const auto mark_failed = [&] {
    if (!context.run_failures().empty())
      report.environment["part"] = "the run failed, not the export: " + context.run_failures().front();
  };
  mark_failed();
  harness::SummaryOptions style;
  style.report_path = context.settings().output_dir / "report.json";
  if (auto status = WriteReports(context, report); !status.ok()) {
    context.FailRun(status.error().message);
    mark_failed();
    style.report_path.clear();
  }
  style.color = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  Print(harness::RenderSummary(report, style));
  if (own) return *own;
  return report.verdict() == harness::Verdict::kPass ? EXIT_SUCCESS : EXIT_FAILURE;
}

// The ids of the checks that ran as tests here, not only because another needs them.
std::vector<std::string>& Tested() {
  static std::vector<std::string> ids;
  return ids;
}

std::vector<std::string> CatalogueIds() {
  std::vector<std::string> ids;
  for (const Check& check : Catalogue()) ids.push_back(check.id);
  return ids;
}

int Merge(Context& context, const std::vector<std::filesystem::path>& folders) {
  std::vector<std::filesystem::path> resolved;
  for (const auto& folder : folders) resolved.push_back(ResolveInput(folder.string()));
  auto report = MergeShards(resolved, context.settings().output_dir, CatalogueIds());
  if (!report.ok()) return Report(report.error());
  return Conclude(context, *std::move(report));
}

// Reads every payload once, for all the checks that judge it.
int PayloadStage(Context& context) {
  for (const auto role : kRoles) {
    const std::string storages = fmt::format("state_dict_integrity/{}/storages", Slug(role));
    if (context.Evaluate(storages).status != CheckStatus::kPass) {
      Print(fmt::format("{} is not read: {}\n", harness::FileName(role), context.Evaluate(storages).message));
      continue;
    }
    const auto path = PayloadArtifact(context.settings().output_dir, role);
    const auto leave = [&](const harness::Result<harness::PayloadScan>& scan) {
      return Report(WriteArtifact(path, Stamp(context.settings()), PayloadToJson(scan)));
    };
    const Ending ending = RunInChild([&] { return leave(context.exported().payload(role)); });
    if (ending.abnormal.empty() && ending.exit_code != EXIT_SUCCESS) return ending.exit_code;
    if (ending.abnormal.empty()) continue;
    const std::string victim =
        fmt::format("{}: the process that reads the weights {}", harness::FileName(role), DescribeEnding(ending));
    fmt::print("{}\n", victim);
    if (const int code = leave(harness::Error{harness::ErrorCode::kIo, victim}); code != EXIT_SUCCESS) return code;
  }
  return EXIT_SUCCESS;
}

// The generation stage judges what stands before generation in this process, and leaves nothing where that fails.
int GenerationStage(Context& context, const std::string& device, const Context::Generator& generator) {
  const std::string first = fmt::format("generation/{}/prompt0/runs", device);
  const Check* runs = nullptr;
  for (const Check& check : Catalogue()) runs = check.id == first ? &check : runs;
  for (const std::string& need : runs->needs) {
    const Outcome& outcome = context.Evaluate(need);
    if (outcome.status == CheckStatus::kPass) continue;
    Print(fmt::format("nothing is generated: {} {}\n", need, outcome.message));
    return EXIT_SUCCESS;
  }
  const auto path = GenerationArtifact(context.settings().output_dir, device);
  const Ending ending = RunInChild([&] {
    const GenerationRecord record = generator(context, device);
    if (!record.problem.empty()) Print(harness::SafeLine(record.problem) + "\n");
    if (!record.gpu_choice.empty()) Print(harness::SafeLine(record.gpu_choice) + "\n");
    if (!record.device_name.empty()) Print(fmt::format("{}: {}\n", device, harness::SafeLine(record.device_name)));
    return Report(WriteRecord(path, Stamp(context.settings()), record));
  });
  if (ending.abnormal.empty()) return ending.exit_code;
  GenerationRecord victim;
  victim.device = device;
  victim.problem = fmt::format("the process that generates on {} {}", device, DescribeEnding(ending));
  Print(victim.problem + "\n");
  // Success: the checks that need this stage run, and say so.
  return Report(WriteRecord(path, Stamp(context.settings()), victim));
}

// Runs the real loader, only where everything else passed.
int ProductionStage(Context& context) {
  for (const Check& check : Catalogue()) {
    if (check.id != kProductionCheck) continue;
    for (const std::string& need : check.needs) {
      const Outcome& outcome = context.Evaluate(need);
      if (outcome.status == CheckStatus::kPass) continue;
      Print(fmt::format("the real loader is not run: {} {}\n", need, outcome.message));
      return EXIT_SUCCESS;
    }
  }
  return Report(WriteProduction(ProductionArtifact(context.settings().output_dir), Stamp(context.settings()),
                                RunProduction(context)));
}

constexpr const char* kBegin = "begin";  // the stamp of what the first stage leaves for the last one

// What the export's files were before anything was judged.
int BeginStage(const Context& context) {
  if (auto status = ClearArtifacts(context.settings()); !status.ok()) return Report(status);
  nlohmann::json files;
  for (const auto role : kRoles) files[Slug(role)] = ExportFileStamp(context.settings(), role);
  return Report(WriteArtifact(BeginArtifact(context.settings().output_dir), kBegin, files));
}

// Each check's process sees a file change under itself only. What changed between two of them is seen here.
void FailChanged(const Context& context, std::vector<harness::CheckResult>& checks) {
  const auto begin = ReadArtifact(BeginArtifact(context.settings().output_dir), kBegin);
  if (!begin.ok()) return;  // a stage that was run by itself
  for (const auto role : kRoles) {
    if (begin->value(Slug(role), "") == ExportFileStamp(context.settings(), role)) continue;
    for (harness::CheckResult& check : checks) {
      if (check.id != fmt::format("file_presence/{}/present", Slug(role)) || check.status == CheckStatus::kFail)
        continue;
      check.status = CheckStatus::kFail;
      check.message = fmt::format(
          "{} changed while it was read: its size, its time or its place on the disk is another one than at the start. "
          "What was judged is not what is there now. Wait until nothing writes to it, and run again",
          harness::FileName(role));
    }
  }
}

int ReportStage(Context& context) {
  const std::vector<std::string> ids = CatalogueIds();
  auto collected = harness::ReadCheckResults(context.settings().output_dir / "checks", ids);
  if (!collected.ok()) return Report(collected.error());
  FailChanged(context, collected->checks);
  std::set<std::string> failures;  // a skip is handed on to the checks behind it, with its reason
  for (const harness::CheckResult& check : collected->checks) {
    if (check.status == CheckStatus::kSkip && check.message.starts_with(kRunFailedPrefix))
      failures.insert(check.message);
  }
  for (const std::string& why : failures) context.FailRun(why);
  std::map<std::string, GenerationRecord> records;
  for (const char* device : {"cpu", "cuda"}) {
    auto record = ReadRecord(GenerationArtifact(context.settings().output_dir, device), Stamp(context.settings()));
    if (record.ok()) records[device] = std::move(record).value();
  }
  if (!collected->missing.empty()) {
    Print(fmt::format("{} of {} checks left no result: they were not selected, or died\n", collected->missing.size(),
                      ids.size()));
  }
  return Conclude(context, AssembleReport(context, std::move(collected->checks), records));
}

int RunStage(const std::string& stage, const Context::Generator& generator) {
  Context& context = Context::Get();
  if (!context.settings().export_dir) {
    Print("AUDIOCRAFT_EXPORT_DIR is not set: there is no export to judge\n");
    return kSkipExitCode;
  }
  auto folder = stage == "begin" ? OutputFolder::Claim(context.settings()) : OutputFolder::Join(context.settings());
  if (!folder.ok()) return Report(folder.error());
  if (stage == "begin") return BeginStage(context);
  if (stage == "payload") return PayloadStage(context);
  if (stage == "generate-cpu" && generator) return GenerationStage(context, "cpu", generator);
  if (stage == "generate-cuda" && generator) return GenerationStage(context, "cuda", generator);
  if (stage == "production") return ProductionStage(context);
  if (stage == "report") {
    const int code = ReportStage(context);
    folder->Leave();
    return code;
  }
  return Report(
      harness::Error{harness::ErrorCode::kMismatch, fmt::format("there is no stage '{}' in this program", stage)});
}

// What no file says and gtest should know: fails the run, whatever its tests said, where a file changed under them.
class LastLook : public testing::Environment {
 public:
  explicit LastLook(Context& context) : context_(context) {}
  void TearDown() override {
    other_ = context_.NoteChangedFiles();
    if (!other_.empty()) ADD_FAILURE() << other_;
  }
  // What changed beside the export.
  const std::string& other() const { return other_; }

 private:
  Context& context_;
  std::string other_;
};

// All tests, the report and the summary of a run that CTest does not drive; gives the program's exit code.
int JudgeAll(Context& context, bool generates) {
  auto* last_look = new LastLook(context);
  testing::AddGlobalTestEnvironment(last_look);  // takes it
  const int code = RUN_ALL_TESTS();
  harness::Report report = AssembleReport(context, context.Results(), context.generations());
  const auto shard = ShardOf([](const char* name) { return std::getenv(name); });
  const size_t tested = std::set<std::string>(Tested().begin(), Tested().end()).size(), all = Catalogue().size();
  const bool filtered = !shard && tested < all;
  if (shard) MarkShard(*shard, Tested(), all, report);
  if (filtered) {
    report.environment["part"] =
        fmt::format("{} of {} checks ran (--gtest_filter): a run without a filter gives the verdict", tested, all);
  } else if (!shard && !generates) {
    report.environment["part"] =
        "nothing was generated: this program judges what CTest's stages left; conformance runs all";
  }
  if (!last_look->other().empty()) report.environment["part"] = last_look->other();
  // The verdict of a part is incomplete at best: whoever chose it wants to know of its own tests. What they need, and
  // found failing, is another shard's; a filter has no other.
  const bool own = code != 0 || shard || (filtered && report.verdict() != harness::Verdict::kFail);
  return ConcludeRun(context, Conclude(context, std::move(report), own ? std::optional(code) : std::nullopt));
}

// The report of a run whose process did not live to write it.
int ConcludeFor(Context& context, const Journal::Left& left, const Ending& ending) {
  std::vector<harness::CheckResult> checks;
  for (const Check& check : Catalogue()) {
    const auto known = std::find_if(left.checks.begin(), left.checks.end(),
                                    [&](const harness::CheckResult& result) { return result.id == check.id; });
    if (known != left.checks.end()) {
      checks.push_back(*known);
    } else if (check.id == left.judging) {
      checks.push_back(ToResult(
          check, Fail(fmt::format("the process that judged this check {}. What was judged before stands, and what "
                                  "stands behind it did not run",
                                  DescribeEnding(ending)))));
    } else if (!left.judging.empty()) {
      checks.push_back(ToResult(check, Blocked(left.judging)));
    }
  }
  harness::Report report = AssembleReport(context, std::move(checks), {});
  report.environment["part"] = fmt::format("the run did not finish: its process {}", DescribeEnding(ending));
  return ConcludeRun(context, Conclude(context, std::move(report), EXIT_FAILURE));
}

// JudgeAll, outlived by this process.
int JudgeSupervised(Context& context, bool generates) {
  Journal journal;
  if (!journal.available()) return JudgeAll(context, generates);
  context.KeepJournal(&journal);
  const Ending ending = RunInChild([&] {
    const int code = JudgeAll(context, generates);
    journal.Concluded();
    return code;
  });
  const Journal::Left left = journal.Read();
  return left.concluded ? ending.exit_code : ConcludeFor(context, left, ending);
}

}  // namespace

void RunAsTest(const Check& check) {
  Context& context = Context::Get();
  Tested().push_back(check.id);
  const Outcome& outcome = context.Evaluate(check);
  // Text: a number would be cut to an integer.
  if (!outcome.measured.is_null()) testing::Test::RecordProperty("measured", outcome.measured.dump());
  if (!outcome.limit.is_null()) testing::Test::RecordProperty("limit", outcome.limit.dump());
  if (context.settings().staged && context.settings().export_dir) {
    const auto status = harness::WriteCheckResult(context.settings().output_dir / "checks", ToResult(check, outcome));
    if (!status.ok()) context.FailRun(status.error().message);
  }
  if (outcome.status == CheckStatus::kPass && !outcome.message.empty())
    testing::Test::RecordProperty("note", outcome.message);
  switch (outcome.status) {
    case CheckStatus::kPass: return;
    case CheckStatus::kFail: FAIL() << outcome.message;
    case CheckStatus::kUnsupported:
    case CheckStatus::kSkip: {
      const std::string requirement = RequirementOf(context, check.id, outcome.message);
      if (context.settings().require.contains(requirement)) {
        FAIL() << "CONFORMANCE_REQUIRE names " << requirement << ", which did not run: " << outcome.message;
      }
      GTEST_SKIP() << outcome.message;
    }
    case CheckStatus::kBlocked: GTEST_SKIP() << outcome.message;
  }
}

int RunProgram(int argc, char** argv, const Context::Generator& generator) {
  std::string stage;
  bool quiet = false, merge = false;
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is then an error of the write, with a message
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--stage=")) stage = argument.substr(8);
    if (argument == "--quiet") quiet = true;
    if (argument == "--merge") merge = true;
    if (argument == "--help") Print(kHelp);
  }
  testing::InitGoogleTest(&argc, argv);
  if (auto gpu = UseAssignedGpu(); !gpu.ok()) {
    return Report(gpu.error());
  }
  auto settings = ReadSettings();
  if (!settings.ok()) return Report(settings.error());
  const bool lists = testing::GTEST_FLAG(list_tests);
  if (auto place = CheckOutputPlace(*settings); !lists && !place.ok()) return Report(place);
  Context::Install(std::move(settings).value(), generator);
  Context& context = Context::Get();
  if (!stage.empty()) return ConcludeRun(context, RunStage(stage, generator));
  if (merge) {
    std::vector<std::filesystem::path> folders;
    for (int i = 1; i < argc; ++i) {
      if (!std::string_view(argv[i]).starts_with("--")) folders.emplace_back(argv[i]);
    }
    auto folder = OutputFolder::Claim(context.settings());
    if (!folder.ok()) return Report(folder.error());
    const int code = ConcludeRun(context, Merge(context, folders));
    folder->Leave();
    return code;
  }

  const bool conclude = context.settings().export_dir && !context.settings().staged && !lists;
  std::optional<OutputFolder> folder;
  if (context.settings().export_dir && !lists) {
    auto taken = conclude ? OutputFolder::Claim(context.settings()) : OutputFolder::Join(context.settings());
    if (!taken.ok()) return Report(taken.error());
    folder.emplace(std::move(taken).value());
  }
  if (conclude) {
    if (auto status = ClearArtifacts(context.settings()); !status.ok()) return Report(status);
  }
  if (quiet) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
  }
  if (!conclude) return ConcludeRun(context, RUN_ALL_TESTS());
  const int code = JudgeSupervised(context, generator != nullptr);
  folder->Leave();
  return code;
}

}  // namespace conformance
