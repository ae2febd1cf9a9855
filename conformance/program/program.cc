#include "conformance/program/program.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <set>
#include <string_view>

#include "conformance/framework/applicable.h"
#include "conformance/framework/registration.h"
#include "conformance/framework/run.h"
#include "conformance/framework/supervised.h"
#include "conformance/program/conclude.h"
#include "conformance/program/output_folder.h"
#include "conformance/program/run_report.h"
#include "conformance/program/shards.h"
#include "conformance/program/staged_run.h"
#include "conformance/stages/gpu_choice.h"
#include "conformance/stages/production_loader.h"

namespace conformance {
namespace {

constexpr const char* kHelp =
    "Validates the MusicGen export in AUDIOCRAFT_EXPORT_DIR; see README.md for the variables.\n"
    "  --quiet                    only the summary, no line per test\n"
    "  --stage=NAME               one stage of a run that CTest drives: begin, payload, generate-cpu, generate-cuda, "
    "production, report\n"
    "  --merge DIR...             the verdict of shards (GTEST_TOTAL_SHARDS) that left their reports in these folders\n"
    "  --list-checks[=json]       the graph of this run's checks: what each needs\n"
    "  --list-ctest               the tests of this run, as CMake code\n"
    "  --version\n"
    "and GoogleTest's options: --gtest_filter=..., --gtest_output=xml:FILE, --gtest_list_tests, ...\n"
    "Exit status: 0 the verdict is pass, 1 it is not, 2 the settings can't be used, or the run failed (a full disk, no "
    "memory, an\noutput folder that is in use): that says nothing about the export. A shard, or a run with a filter, "
    "sees a part\nof the checks, so that the verdict in its report is never pass: it exits 0 where its own tests "
    "pass.\n\n";

int MergeShardsOf(Run& run, const std::vector<std::filesystem::path>& folders) {
  std::vector<std::filesystem::path> resolved;
  for (const auto& folder : folders) resolved.push_back(ResolveInput(folder.string()));
  auto report = MergeShards(resolved, run.context.settings().output_dir);
  if (!report.ok()) return ReportStatus(report.error());
  return Conclude(run.context, *std::move(report));
}

// What no file says and gtest should know: fails the run, whatever its tests said, where a file changed under them.
class LastLook : public testing::Environment {
 public:
  explicit LastLook(Evaluator& evaluator) : evaluator_(evaluator) {}
  void TearDown() override {
    other_ = evaluator_.NoteChangedFiles();
    if (!other_.empty()) ADD_FAILURE() << other_;
  }
  // What changed beside the export.
  const std::string& other() const { return other_; }

 private:
  Evaluator& evaluator_;
  std::string other_;
};

// All tests, the report and the summary of a run that CTest does not drive; gives the program's exit code.
int RunAllChecks(Run& run, bool generates) {
  Context& context = run.context;
  auto* last_look = new LastLook(run.evaluator);
  testing::AddGlobalTestEnvironment(last_look);  // takes it
  const int code = RUN_ALL_TESTS();
  harness::Report report = AssembleReport(context, run.evaluator.CollectResults(), context.generations());
  const auto shard = FindShard([](const char* name) { return std::getenv(name); });
  const size_t tested = std::set<std::string>(GetTestedIds().begin(), GetTestedIds().end()).size(),
               all = run.graph.checks().size();
  const bool filtered = !shard && tested < all;
  if (shard) MarkShard(*shard, GetTestedIds(), run.graph.ids(), report);
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
int ConcludeFor(Run& run, const Journal::Left& left, const Ending& ending) {
  const EndingText text = DescribeEnding(ending);
  std::vector<harness::CheckResult> checks;
  for (const Check& check : run.graph.checks()) {
    const auto known = std::find_if(left.checks.begin(), left.checks.end(),
                                    [&](const harness::CheckResult& result) { return result.id == check.id; });
    if (known != left.checks.end()) {
      checks.push_back(*known);
    } else if (check.id == left.judging) {
      checks.push_back(ToResult(check, Fail(fmt::format("the process that judged this check {}. The checks before it "
                                                        "were judged, those after it did not run",
                                                        text.message))
                                           .WithReason(reason::kProcessEnded)
                                           .WithRemedy(text.remedy)));
    } else if (!left.judging.empty()) {
      checks.push_back(ToResult(check, Blocked(left.judging)));
    }
  }
  harness::Report report = AssembleReport(run.context, std::move(checks), {});
  report.environment["part"] =
      fmt::format("the run did not finish: its process {}", JoinRemedy(text.message, text.remedy));
  return ConcludeRun(run.context, Conclude(run.context, std::move(report), EXIT_FAILURE));
}

// RunAllChecks in a child process, which this one outlives.
int RunSupervised(Run& run, bool generates) {
  Journal journal;
  if (!journal.available()) return RunAllChecks(run, generates);
  run.evaluator.KeepJournal(&journal);
  const Ending ending = RunInChild([&] {
    const int code = RunAllChecks(run, generates);
    journal.Concluded();
    return code;
  });
  const Journal::Left left = journal.Read();
  return left.concluded ? ending.exit_code : ConcludeFor(run, left, ending);
}

// "id  needs ..." a line, or JSON.
std::string ListChecks(const CheckGraph& graph, bool json) {
  if (json) return graph.ToJson().dump(1) + "\n";
  std::string text;
  for (const Check& check : graph.checks()) {
    text += check.id;
    for (const std::string& need : check.needs) text += (&need == &check.needs.front() ? "  needs " : ", ") + need;
    for (const std::string& id : check.explained_by)
      text += (&id == &check.explained_by.front() ? "  explained by " : ", ") + id;
    text += "\n";
  }
  return text;
}

struct Arguments {
  std::string stage;
  bool quiet = false, merge = false, list_checks = false, as_json = false, list_ctest = false;
  std::vector<std::filesystem::path> folders;  // that are no options: of --merge
};

Arguments ParseArguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--stage=")) arguments.stage = argument.substr(8);
    if (argument == "--quiet") arguments.quiet = true;
    if (argument == "--merge") arguments.merge = true;
    if (argument == "--list-checks" || argument == "--list-checks=json") arguments.list_checks = true;
    if (argument == "--list-checks=json") arguments.as_json = true;
    if (argument == "--list-ctest") arguments.list_ctest = true;
    if (argument == "--help") Print(kHelp);
    if (!argument.starts_with("--")) arguments.folders.emplace_back(argument);
  }
  return arguments;
}

int MergeInto(Run& run, const std::vector<std::filesystem::path>& folders) {
  auto folder = OutputFolder::Claim(run.context.settings());
  if (!folder.ok()) return ReportStatus(folder.error());
  const int code = ConcludeRun(run.context, MergeShardsOf(run, folders));
  folder->Leave();
  return code;
}

// The tests of this process, all or the one that CTest wants.
int RunTests(Run& run, const Arguments& arguments, bool generates) {
  Context& context = run.context;
  const bool lists = testing::GTEST_FLAG(list_tests);
  const bool conclude = context.settings().export_dir && !context.settings().staged && !lists;
  std::optional<OutputFolder> folder;
  if (context.settings().export_dir && !lists) {
    auto taken = conclude ? OutputFolder::Claim(context.settings()) : OutputFolder::Join(context.settings());
    if (!taken.ok()) return ReportStatus(taken.error());
    folder.emplace(std::move(taken).value());
  }
  if (conclude) {
    if (auto status = ClearArtifacts(context.settings()); !status.ok()) return ReportStatus(status);
  }
  if (arguments.quiet) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
  }
  if (!conclude) return ConcludeRun(context, RUN_ALL_TESTS());
  const int code = RunSupervised(run, generates);
  folder->Leave();
  return code;
}

}  // namespace

int RunProgram(int argc, char** argv, const Hooks& hooks) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is then an error of the write, with a message
  const Arguments arguments = ParseArguments(argc, argv);
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    Print(CONFORMANCE_VERSION "\n");
    return EXIT_SUCCESS;
  }
  if (auto gpu = UseAssignedGpu(); !gpu.ok()) return ReportStatus(gpu.error());
  if (argc == 2 && std::string_view(argv[1]) == kCanUseCuda) return ReportStatus(hooks.can_use_cuda());
  auto settings = ReadSettings();
  if (!settings.ok()) return ReportStatus(settings.error());
  Applicable applicable;  // a merge judges nothing
  if (!settings->plan.empty()) {
    applicable = Applicable::FromText(settings->plan);
  } else if (!arguments.merge) {
    applicable = FindApplicable(*settings, hooks.can_use_cuda);
  }
  const RunPlan plan = MakePlan(*settings, applicable, hooks.can_use_cuda);
  Run& run = StartRun(std::move(settings).value(), plan, hooks.generator);
  run.context.TakeProductionFrom(RunProduction);
  testing::InitGoogleTest(&argc, argv);  // asks the run for its tests
  if (arguments.list_checks || arguments.list_ctest) {
    Print(arguments.list_checks ? ListChecks(run.graph, arguments.as_json) : ListForCTest(run, applicable.ToText()));
    return ConcludeRun(run.context, EXIT_SUCCESS);
  }
  if (auto place = CheckOutputPlace(run.context.settings()); !testing::GTEST_FLAG(list_tests) && !place.ok())
    return ReportStatus(place);
  if (!arguments.stage.empty()) return ConcludeRun(run.context, RunStage(run, arguments.stage, hooks.generator));
  if (arguments.merge) return MergeInto(run, arguments.folders);
  return RunTests(run, arguments, hooks.generator != nullptr);
}

}  // namespace conformance
