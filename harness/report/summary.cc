#include "harness/report/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "harness/report/grouping.h"
#include "harness/report/text.h"

namespace harness::report {
namespace {

constexpr int kMinWidth = 40;

// SGR parameters (ECMA-48, 8.3.117).
constexpr const char* kBold = "1";
constexpr const char* kDim = "2";
constexpr const char* kRed = "1;31";
constexpr const char* kGreen = "1;32";
constexpr const char* kYellow = "1;33";

const char* Word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return "PASS";
    case Verdict::kFail: return "FAIL";
    case Verdict::kIncomplete: return "INCOMPLETE";
  }
  return "?";
}

class Summary {
 public:
  Summary(const Report& report, const SummaryOptions& options)
      : report_(report), width_(std::max(options.width, kMinWidth)), options_(options) {}

  std::string Render() {
    Verdict();
    Failures();
    Categories();
    Notes();
    Blocked();
    Unsupported();
    Skipped();
    List("Required, but not run", report_.missing());
    List("Not run", report_.not_run);
    List("Asked for, but not applied (not built yet)", report_.not_applied);
    Generated();
    if (!options_.report_path.empty()) Line(fmt::format("\nReport  {}", CleanLine(options_.report_path.string())));
    return out_;
  }

 private:
  std::string Paint(const char* color, std::string_view text) const {
    return options_.color ? fmt::format("\x1b[{}m{}\x1b[0m", color, text) : std::string(text);
  }
  void Line(std::string_view text) {
    out_ += text;
    out_ += '\n';
  }
  void Title(std::string_view text) { Line(fmt::format("\n{}", Paint(kBold, text))); }
  // The text after `head`, wrapped, each further line under its beginning.
  void Item(std::string_view head, std::string_view text) {
    const int indent = MeasureDisplayWidth(head);
    const std::vector<std::string> lines = Wrap(CleanText(text), std::max(width_ - indent, kMinWidth / 2));
    if (lines.empty()) Line(head);
    for (size_t i = 0; i < lines.size(); ++i) {
      const std::string before = i == 0 ? std::string(head) : std::string(static_cast<size_t>(indent), ' ');
      Line(lines[i].empty() ? "" : before + lines[i]);
    }
  }

  void Verdict() {
    const auto verdict = report_.verdict();
    const char* color = verdict == Verdict::kPass ? kGreen : verdict == Verdict::kFail ? kRed : kYellow;
    Line(fmt::format("{}  {}", Paint(color, Word(verdict) + DescribeCoverage(report_)), ReadExportPath(report_)));
    Line(fmt::format("  {}", FormatCounts(Count(report_.checks))));
    if (const auto part = report_.part()) Line(fmt::format("  {}", Paint(kYellow, CleanLine(*part))));
    if (const auto nothing = NoteNothingJudged(report_)) Line(fmt::format("  {}", Paint(kYellow, *nothing)));
  }
  void Categories() {
    const std::vector<CheckGroup> groups = GroupByCategory(report_.checks);
    size_t longest = 0;
    for (const CheckGroup& group : groups) longest = std::max(longest, group.key.size());
    if (!groups.empty()) Line("");
    for (const CheckGroup& group : groups) {
      const CheckCounts counts = Count(group.checks);
      const char* color = counts.failed > 0 ? kRed : counts.passed > 0 ? kGreen : kDim;
      Line(fmt::format("  {:<{}}  {}", CleanLine(group.key), longest, Paint(color, FormatCounts(counts))));
    }
  }
  void Failures() {
    const std::vector<CheckResult> failures = SelectByStatus(report_.checks, CheckStatus::kFail);
    if (failures.empty()) return;
    Title("Failed");
    for (const CheckResult& check : failures) {
      if (&check != &failures.front()) Line("");
      Line(fmt::format("  {}", Paint(kRed, CleanLine(check.id))));
      Item("      ", Explain(check));
    }
  }
  void Notes() {
    bool first = true;
    for (const CheckResult& check : SelectByStatus(report_.checks, CheckStatus::kPass)) {
      if (check.message.empty()) continue;
      if (first) Title("Passed, with something to know");
      first = false;
      Line(fmt::format("  {}", Paint(kYellow, CleanLine(check.id))));
      Item("      ", Explain(check));
    }
  }
  void Blocked() {
    const std::vector<CheckGroup> groups = GroupBlockedByCause(report_.checks);
    if (groups.empty()) return;
    Title("Blocked: not judged, because another check must pass first");
    for (const CheckGroup& group : groups) Item(fmt::format("  {:>4}  by ", group.checks.size()), group.key);
  }
  void Unsupported() {
    const std::vector<CheckGroup> groups = GroupByExplanation(report_.checks, CheckStatus::kUnsupported);
    if (groups.empty()) return;
    Title("Can't be judged by this suite");
    for (const CheckGroup& group : groups) {
      const size_t others = group.checks.size() - 1;
      Line(fmt::format("  {}{}", Paint(kYellow, CleanLine(group.checks.front().id)),
                       others == 0 ? "" : fmt::format(" and {} behind it", FormatCount(others, "check"))));
      Item("      ", group.key);
    }
  }
  void Skipped() {
    const std::vector<CheckGroup> groups = GroupByExplanation(report_.checks, CheckStatus::kSkip);
    if (groups.empty()) return;
    Title("Skipped");
    for (const CheckGroup& group : groups) Item(fmt::format("  {:>4}  ", group.checks.size()), group.key);
  }
  void List(std::string_view title, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    Title(title);
    for (const std::string& text : texts) Item("  - ", text);
  }
  void Generated() {
    if (report_.generation.empty()) return;
    Title("Generated");
    for (const GenerationResult& result : report_.generation) {
      const std::string prompt = result.prompt ? fmt::format("\"{}\"", CleanLine(*result.prompt)) : "unconditional";
      Item(fmt::format("  {}  ", CleanLine(result.device)),
           fmt::format("{}, {}", prompt,
                       FormatCount(static_cast<size_t>(std::max<int64_t>(0, result.frames)), "frame")));
      Line(fmt::format("      {}", result.audio.empty() ? "no audio" : CleanLine(AudioPath(result))));
    }
  }
  std::string AudioPath(const GenerationResult& result) const {
    return (options_.report_path.parent_path() / result.audio).lexically_normal().string();
  }

  const Report& report_;
  const int width_;
  const SummaryOptions& options_;
  std::string out_;
};

}  // namespace

std::string RenderSummary(const Report& report, const SummaryOptions& options) {
  return Summary(report, options).Render();
}

std::string RenderLine(const Report& report) {
  std::string line = fmt::format("{}{} {}: {}", Word(report.verdict()), DescribeCoverage(report),
                                 ReadExportPath(report), FormatCounts(Count(report.checks)));
  for (const std::string& text : report.not_run) {
    if (report.verdict() == Verdict::kPass) break;  // it has said so
    line += fmt::format("{}{}", &text == &report.not_run.front() ? "; not run: " : ", ", CleanLine(text));
  }
  for (const CheckResult& check : report.checks) {
    if (check.status != CheckStatus::kFail) continue;
    return line + "; first failure: " + CleanLine(check.id);
  }
  return line;
}

}  // namespace harness::report
