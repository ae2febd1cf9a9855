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
#include "conformance/program/command_line.h"
#include "conformance/program/conclude.h"
#include "conformance/program/ctest_folder.h"
#include "conformance/program/many_exports.h"
#include "conformance/program/output_folder.h"
#include "conformance/program/run_report.h"
#include "conformance/program/staged_run.h"
#include "conformance/stages/gpu_choice.h"
#include "conformance/stages/production_loader.h"
#include "harness/base/error_text.h"

namespace conformance {
namespace {

constexpr const char* kHelp =
    "Validates exports of MusicGen: {} [OPTION...] [EXPORT...]; without an EXPORT the one in\n"
    "AUDIOCRAFT_EXPORT_DIR. README.md has the variables.\n\n"
    "  --quiet                    only the summary, no line per test\n"
    "  --from-file FILE           exports, one folder a line\n"
    "  --jobs N                   several exports at a time\n"
    "  --resource-spec-file FILE  they share the GPUs that CTest's FILE names, one each\n"
    "  --share NUMBER/COUNT       a part of the list: of a job array's tasks each takes one, from 0\n"
    "  --collect                  the result of all exports of the list, from what the tasks left\n"
    "  --ctest FOLDER             writes a folder for `ctest --test-dir FOLDER -L conformance`\n"
    "  --list-checks[=json]       the graph of this run's checks: what each needs\n"
    "  --list-ctest               the tests of this run, as CMake code\n"
    "  --stage NAME               one stage of a run that CTest drives: begin, payload, generate-cpu, generate-cuda,\n"
    "                             production, report\n"
    "  --version\n"
    "  --gtest_filter=..., --gtest_output=xml:FILE, --gtest_list_tests, ...: GoogleTest's options\n\n"
    "The results of several exports go to CONFORMANCE_OUTPUT_DIR/NUMBER-NAME, and to one junit.xml beside these.\n"
    "Exit status: 0 every verdict is pass, 1 one is not, 2 the settings can't be used, or a run failed (a full disk,\n"
    "no memory, an output folder that is in use): that says nothing about the export. A run with a filter judges a\n"
    "part of the checks, so that its verdict is never pass: it exits 0 where its own tests pass.\n";

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
  harness::report::Report report = AssembleReport(context, run.evaluator.CollectResults(), context.generations());
  const size_t tested = std::set<std::string>(GetTestedIds().begin(), GetTestedIds().end()).size(),
               all = run.graph.checks().size();
  const bool filtered = tested < all;
  if (filtered) {
    report.environment["part"] = fmt::format(
        "{} of {} checks ran (--gtest_filter, or GoogleTest's shards): a run of all checks gives the verdict", tested,
        all);
  } else if (!generates) {
    report.environment["part"] =
        "nothing was generated: this program judges what CTest's stages left; conformance runs all";
  }
  if (!last_look->other().empty()) report.environment["part"] = last_look->other();
  // The verdict of a part is incomplete at best: whoever chose it wants to know of its own tests. What they need, and
  // found failing, is another shard's.
  const bool own = code != 0 || (filtered && report.verdict() != harness::report::Verdict::kFail);
  return ConcludeRun(context, Conclude(context, std::move(report), own ? std::optional(code) : std::nullopt));
}

// The report of a run whose process did not live to write it.
int ConcludeFor(Run& run, const Journal::Left& left, const Ending& ending) {
  const EndingText text = DescribeEnding(ending);
  std::vector<harness::report::CheckResult> checks;
  for (const Check& check : run.graph.checks()) {
    const auto known = std::find_if(left.checks.begin(), left.checks.end(),
                                    [&](const harness::report::CheckResult& result) { return result.id == check.id; });
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
  harness::report::Report report = AssembleReport(run.context, std::move(checks), {});
  report.environment["part"] =
      fmt::format("the run did not finish: its process {}", harness::JoinRemedy(text.message, text.remedy));
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

// The tests of this process, all or the one that CTest wants.
int RunTests(Run& run, const CommandLine& line, bool generates) {
  Context& context = run.context;
  const bool lists = testing::GTEST_FLAG(list_tests);
  if (line.quiet && !context.settings().export_dir && !lists) {
    // A summary of nothing would be silence.
    return ReportStatus(harness::Error{harness::ErrorCode::kMismatch, "no export is named",
                                       "Give its folder as an argument, or in AUDIOCRAFT_EXPORT_DIR"});
  }
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
  if (line.quiet) {
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
  using Action = CommandLine::Action;
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is then an error of the write, with a message
  const auto parsed = ParseCommandLine({argv + 1, argv + argc});
  if (!parsed.ok()) return ReportStatus(parsed.error());
  const CommandLine& line = *parsed;
  if (line.action == Action::kHelp)
    return Print(fmt::format(kHelp, std::filesystem::path(argv[0]).filename().string())), EXIT_SUCCESS;
  if (line.action == Action::kVersion) return Print(CONFORMANCE_VERSION "\n"), EXIT_SUCCESS;
  if (line.action == Action::kWriteCTest) return ReportStatus(WriteCTestFolder(line.ctest_folder));
  if (line.exports.size() == 1 && !line.many) setenv("AUDIOCRAFT_EXPORT_DIR", line.exports.front().c_str(), 1);
  if (line.many && line.action == Action::kJudge) {
    const auto settings = ReadSettings();  // before the first export rather than by each
    if (!settings.ok()) return ReportStatus(settings.error());
    return JudgeMany(line, ThisProgram(), settings->output_dir);
  }
  if (auto gpu = UseAssignedGpu(); !gpu.ok()) return ReportStatus(gpu.error());
  if (line.action == Action::kAskForCuda) return ReportStatus(hooks.can_use_cuda());
  auto settings = ReadSettings();
  if (!settings.ok()) return ReportStatus(settings.error());
  if (line.action == Action::kCollect) return CollectMany(line, settings->output_dir);
  const Applicable applicable =
      settings->plan.empty() ? FindApplicable(*settings, hooks.can_use_cuda) : Applicable::FromText(settings->plan);
  const RunPlan plan = MakePlan(*settings, applicable, hooks.can_use_cuda);
  Run& run = StartRun(std::move(settings).value(), plan, hooks.generator);
  run.context.TakeProductionFrom(RunProduction);
  std::vector<char*> options = {argv[0]};
  for (const std::string& option : line.googletest) options.push_back(const_cast<char*>(option.c_str()));
  int count = static_cast<int>(options.size());
  options.push_back(nullptr);
  testing::InitGoogleTest(&count, options.data());  // asks the run for its tests
  if (count > 1) {
    return ReportStatus(
        harness::Error{harness::ErrorCode::kMismatch,
                       fmt::format("GoogleTest has no option {}; --help shows those that there are", options[1])});
  }
  if (line.action == Action::kListChecks || line.action == Action::kListCTest) {
    const bool checks = line.action == Action::kListChecks;
    Print(checks ? ListChecks(run.graph, line.as_json) : ListForCTest(run, applicable.ToText()));
    return ConcludeRun(run.context, EXIT_SUCCESS);
  }
  if (auto place = CheckOutputPlace(run.context.settings()); !testing::GTEST_FLAG(list_tests) && !place.ok())
    return ReportStatus(place);
  if (line.action == Action::kStage) return ConcludeRun(run.context, RunStage(run, line.stage, hooks.generator));
  return RunTests(run, line, hooks.generator != nullptr);
}

}  // namespace conformance
