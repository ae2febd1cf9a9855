#include "harness/report/grouping.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "harness/report/text.h"

namespace harness::report {

std::vector<CheckGroup> GroupBy(const std::vector<CheckResult>& checks,
                                const std::function<std::string(const CheckResult&)>& key) {
  std::vector<CheckGroup> groups;
  std::map<std::string, size_t> places;
  for (const CheckResult& check : checks) {
    const auto [place, is_new] = places.emplace(key(check), groups.size());
    if (is_new) groups.push_back({place->first, {}});
    groups[place->second].checks.push_back(check);
  }
  return groups;
}

std::vector<CheckGroup> GroupByCategory(const std::vector<CheckResult>& checks) {
  return GroupBy(checks, [](const CheckResult& check) { return check.category; });
}

std::vector<CheckResult> SelectByStatus(const std::vector<CheckResult>& checks, CheckStatus status) {
  std::vector<CheckResult> chosen;
  std::copy_if(checks.begin(), checks.end(), std::back_inserter(chosen),
               [status](const CheckResult& check) { return check.status == status; });
  return chosen;
}

std::vector<CheckGroup> GroupBlockedByCause(const std::vector<CheckResult>& checks) {
  return GroupBy(SelectByStatus(checks, CheckStatus::kBlocked),
                 [](const CheckResult& check) { return check.blocked_by.empty() ? Explain(check) : check.blocked_by; });
}

std::vector<CheckGroup> GroupByExplanation(const std::vector<CheckResult>& checks, CheckStatus status) {
  return GroupBy(SelectByStatus(checks, status), Explain);
}

std::string Explain(const CheckResult& check) {
  const std::string message = check.message.empty() ? "no message was given" : check.message;
  return check.remedy.empty() ? message : fmt::format("{}\nWhat to do: {}", message, check.remedy);
}

std::string FormatCounts(const CheckCounts& counts) {
  std::string text;
  const std::pair<int, const char*> parts[] = {{counts.passed, "passed"},
                                               {counts.failed, "failed"},
                                               {counts.blocked, "blocked"},
                                               {counts.skipped, "skipped"},
                                               {counts.unsupported, "unsupported"}};
  for (const auto& [count, word] : parts) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, word);
  }
  return text.empty() ? "no checks" : text;
}

std::string FormatCount(size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string ReadExportPath(const Report& report) {
  if (!report.export_info.is_object()) return "(no export)";
  const auto path = report.export_info.find("path");
  if (path == report.export_info.end() || !path->is_string() || *path == "") return "(no export)";
  return CleanLine(path->get<std::string>());
}

std::string DescribeCoverage(const Report& report) {
  if (report.verdict() != Verdict::kPass || report.not_run.empty()) return "";
  std::string words;
  for (const std::string& word : report.not_run) words += (words.empty() ? "" : ", ") + CleanLine(word);
  if (!report.generation.empty()) return " without " + words;
  const bool no_codec = std::find(report.not_run.begin(), report.not_run.end(), "codec") != report.not_run.end();
  return ", static checks only: " + (no_codec ? "the codec is not here" : "not run: " + words);
}

std::optional<std::string> NoteNothingJudged(const Report& report) {
  const CheckCounts counts = Count(report.checks);
  if (counts.passed + counts.failed > 0) return std::nullopt;
  return "nothing was judged: no check passed or failed";
}

}  // namespace harness::report
