// Checks put together for people: by category, by what blocks them, by why they were skipped.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/report.h"

namespace harness {

struct CheckGroup {
  std::string key;
  std::vector<CheckResult> checks;
};

// Groups and checks in the order in which they first appear.
std::vector<CheckGroup> GroupBy(const std::vector<CheckResult>& checks,
                                const std::function<std::string(const CheckResult&)>& key);
std::vector<CheckGroup> ByCategory(const std::vector<CheckResult>& checks);

std::vector<CheckResult> WithStatus(const std::vector<CheckResult>& checks, CheckStatus status);
std::vector<CheckGroup> BlockedByCause(const std::vector<CheckResult>& checks);
// By what a person reads of them: Explain. Of kSkip or kUnsupported.
std::vector<CheckGroup> ByExplanation(const std::vector<CheckResult>& checks, CheckStatus status);

// The message and, on a line of its own, the remedy; "no message was given".
std::string Explain(const CheckResult& check);

// "20 passed, 1 failed, 3 blocked, 12 skipped, 1 unsupported", without what is zero; "no checks".
std::string CountsText(const CheckCounts& counts);
// "1 check", "3 checks".
std::string Counted(size_t count, std::string_view noun);
// The export's path in export_info, cleaned, in one line; "(no export)".
std::string ExportPath(const Report& report);
// What a pass must not leave unsaid: nothing was judged. Empty where something was.
std::string NothingJudged(const Report& report);

}  // namespace harness
