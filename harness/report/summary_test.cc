#include "harness/report/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/report/text.h"
#include "harness/testing/reports.h"

namespace harness::report {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

Report WithVerdict(Verdict verdict) {
  Report report;
  report.export_info["path"] = "/models/my-export";
  report.checks = {MakeCheck("a/b", verdict == Verdict::kFail ? CheckStatus::kFail : CheckStatus::kPass, "reason")};
  if (verdict == Verdict::kIncomplete) report.not_run = {"cuda"}, report.environment["require"] = {"cuda"};
  return report;
}

TEST(Summary, TheFirstLineIsTheVerdictAndTheExport) {
  EXPECT_THAT(RenderSummary(WithVerdict(Verdict::kPass)), StartsWith("PASS  /models/my-export\n"));
  EXPECT_THAT(RenderSummary(WithVerdict(Verdict::kFail)), StartsWith("FAIL  /models/my-export\n"));
  EXPECT_THAT(RenderSummary(WithVerdict(Verdict::kIncomplete)), StartsWith("INCOMPLETE  /models/my-export\n"));
  EXPECT_THAT(RenderSummary(Report()), StartsWith("PASS  (no export)\n"));
}

TEST(Summary, APassSaysWhatItDoesNotCover) {
  Report report = WithVerdict(Verdict::kPass);
  report.not_run = {"codec", "cuda", "text"};
  EXPECT_THAT(RenderSummary(report),
              StartsWith("PASS, static checks only: the codec is not here  /models/my-export\n"));
  EXPECT_EQ(RenderLine(report), "PASS, static checks only: the codec is not here /models/my-export: 1 passed");
  report.not_run = {"text"};
  EXPECT_THAT(RenderSummary(report), StartsWith("PASS, static checks only: not run: text  /models"));
  report.generation.emplace_back();
  report.not_run = {"cuda", "text"};
  EXPECT_THAT(RenderSummary(report), StartsWith("PASS without cuda, text  /models/my-export\n"));
  EXPECT_EQ(RenderLine(report), "PASS without cuda, text /models/my-export: 1 passed");
  report.not_run.clear();
  EXPECT_THAT(RenderSummary(report), StartsWith("PASS  /models"));
}

TEST(Summary, TellsEverything) {
  const std::string summary = RenderSummary(FullReport(), {.report_path = "/out/report.json"});
  EXPECT_LT(summary.find("24 layers in the file"), summary.find("  file_presence "));  // the cause first
  struct Case {
    const char* name;
    const char* words;
  };
  const std::vector<Case> cases = {
      {"Total", "  2 passed, 1 failed, 2 blocked, 3 skipped, 2 unsupported\n"},
      {"CategoryPassed", "  file_presence           2 passed\n"},
      {"CategoryFailed", "  shape_config_agreement  1 failed\n"},
      {"CategoryUnsupported", "  audio_output            2 unsupported\n"},
      {"CategoryMixed", "  generation              2 blocked, 3 skipped\n"},
      {"FailureId", "\n  shape_config_agreement/language_model/layers\n"},
      {"FailureMessage", "      24 layers in the file, 48 in the config: config of `medium`, weights of `small`.\n"},
      {"FailureRemedy", "      What to do: Export it again.\n"},
      {"BlockedBy", "     2  by shape_config_agreement/language_model/layers\n"},
      {"SkipReason", "     2  no CUDA device\n        What to do: Run it on a machine with a GPU.\n"},
      {"OtherSkipReason", "     1  the profile names no melody\n"},
      {"Unsupported",
       "Can't be judged by this suite\n  audio_output/cpu/melody/rms and 1 check behind it\n      a style "
       "conditioner\n"},
      {"NotRun", "Required, but not run\n  - cuda\n"},
      {"NotApplied", "(not built yet)\n  - AUDIOCRAFT_PYTHON\n"},
      {"Unconditional", "  cpu  unconditional, 100 frames\n      /out/generation/cpu/0/audio.wav\n"},
      {"Prompt", "  cpu  \"upbeat lo fi hip hop beat\", 100 frames\n      no audio\n"},
      {"ReportPath", "Report  /out/report.json\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_THAT(summary, HasSubstr(c.words));
  }
  EXPECT_THAT(summary, Not(HasSubstr("file_presence/"))) << "passes are counted, not listed";
}

TEST(Summary, SaysWhenNothingWasJudged) {
  Report skipped;
  skipped.checks = {MakeCheck("a/b", CheckStatus::kSkip, "AUDIOCRAFT_EXPORT_DIR is not set")};
  EXPECT_THAT(RenderSummary(skipped), HasSubstr("nothing was judged"));
  EXPECT_THAT(RenderSummary(Report()), HasSubstr("nothing was judged"));
  EXPECT_THAT(RenderSummary(WithVerdict(Verdict::kPass)), Not(HasSubstr("nothing was judged")));
}

TEST(Summary, TellsWhatAPassHasToSay) {
  Report report;
  report.checks = {MakeCheck("a/b", CheckStatus::kPass), MakeCheck("a/c", CheckStatus::kPass, "needs audiocraft 1.4")};
  EXPECT_THAT(RenderSummary(report), HasSubstr("Passed, with something to know\n  a/c\n      needs audiocraft 1.4\n"));
  report.checks.pop_back();
  EXPECT_THAT(RenderSummary(report), Not(HasSubstr("something to know")));
}

TEST(Summary, MissingTextIsSaidNotHidden) {
  Report report;
  report.checks = {MakeCheck("a/b", CheckStatus::kFail), MakeCheck("a/c", CheckStatus::kSkip)};
  EXPECT_THAT(RenderSummary(report), HasSubstr("no message was given"));
  EXPECT_THAT(RenderSummary(report), HasSubstr("1  no message was given"));
}

TEST(Summary, KeepsToTheWidth) {
  Report report = FullReport();
  std::string words;
  for (int i = 0; i < 200; ++i) words += "word ";
  report.checks[2].message = words;
  report.checks[5].message = words;
  report.not_run = {words};
  report.generation[1].prompt = words;
  for (int width : {-5, 0, 40, 60, 100, 200}) {
    for (const std::string& line : Lines(RenderSummary(report, {.width = width}))) {
      if (line.find("word") == std::string::npos) continue;
      EXPECT_LE(MeasureDisplayWidth(line), std::max(width, 40)) << line;
      EXPECT_EQ(line.back() == ' ', false) << "trailing space";
    }
  }
}

TEST(Summary, ColoursOnlyWhenAsked) {
  const std::string plain = RenderSummary(FullReport());
  EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
  std::string colored = RenderSummary(FullReport(), {.color = true});
  EXPECT_THAT(colored, StartsWith("\x1b[1;31mFAIL\x1b[0m  "));
  for (size_t begin; (begin = colored.find('\x1b')) != std::string::npos;) {
    colored.erase(begin, colored.find('m', begin) - begin + 1);
  }
  EXPECT_EQ(colored, plain) << "colours change nothing else";
}

TEST(Summary, HostileTextCannotSteerTheTerminal) {
  const std::string attack = "\x1b[2J\x1b]0;owned\a\r\xFF\u202E";
  Report report = FullReport();
  report.export_info["path"] = attack;
  report.not_run = report.not_applied = {attack};
  for (CheckResult& check : report.checks) {
    check.id = check.category = check.message = check.remedy = check.blocked_by = attack;
  }
  for (GenerationResult& result : report.generation) {
    result.device = result.run = result.audio = attack;
    result.prompt = attack;
  }
  {
    const std::string text = RenderSummary(report, {.report_path = attack});
    EXPECT_EQ(text.find_first_of("\x1b\a\r"), std::string::npos);
    EXPECT_THAT(text, Not(HasSubstr("\u202E")));
    EXPECT_EQ(text, ValidUtf8(text));
  }
}

TEST(RenderLine, HoldsVerdictCountsAndFirstFailure) {
  EXPECT_EQ(RenderLine(WithVerdict(Verdict::kPass)), "PASS /models/my-export: 1 passed");
  EXPECT_EQ(RenderLine(WithVerdict(Verdict::kFail)), "FAIL /models/my-export: 1 failed; first failure: a/b");
  EXPECT_EQ(RenderLine(WithVerdict(Verdict::kIncomplete)), "INCOMPLETE /models/my-export: 1 passed; not run: cuda");
  EXPECT_EQ(RenderLine(Report()), "PASS (no export): no checks");
}

}  // namespace
}  // namespace harness::report
