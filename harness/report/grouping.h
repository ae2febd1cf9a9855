// Checks put together for people: by category, by what blocks them, by why they were skipped.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/report.h"

namespace harness::report {

struct CheckGroup {
  std::string key;
  std::vector<CheckResult> checks;
};

// Groups and checks in the order in which they first appear.
std::vector<CheckGroup> GroupBy(const std::vector<CheckResult>& checks,
                                const std::function<std::string(const CheckResult&)>& key);
std::vector<CheckGroup> GroupByCategory(const std::vector<CheckResult>& checks);

std::vector<CheckResult> SelectByStatus(const std::vector<CheckResult>& checks, CheckStatus status);
std::vector<CheckGroup> GroupBlockedByCause(const std::vector<CheckResult>& checks);
// By what a person reads of them: Explain. Of kSkip or kUnsupported.
std::vector<CheckGroup> GroupByExplanation(const std::vector<CheckResult>& checks, CheckStatus status);

// The message and, on a line of its own, the remedy; "no message was given".
std::string Explain(const CheckResult& check);

// "20 passed, 1 failed, 3 blocked, 12 skipped, 1 unsupported", without what is zero; "no checks".
std::string FormatCounts(const CheckCounts& counts);
// "1 check", "3 checks".
std::string FormatCount(size_t count, std::string_view noun);
// The export's path in export_info, cleaned, in one line; "(no export)".
std::string ReadExportPath(const Report& report);
// What a pass says in the same breath: what it does not cover. ", static checks only: the codec is not here", " without
// cuda, text"; empty where it covers all, and behind any other verdict.
std::string DescribeCoverage(const Report& report);
// What a pass must not leave unsaid: nothing was judged. Nothing to say where something was.
std::optional<std::string> NoteNothingJudged(const Report& report);

}  // namespace harness::report
