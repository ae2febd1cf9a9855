#include "harness/report/report.h"

#include <algorithm>
#include <set>

namespace harness::report {

const char* Name(CheckStatus status) {
  switch (status) {
    case CheckStatus::kPass: return "pass";
    case CheckStatus::kFail: return "fail";
    case CheckStatus::kSkip: return "skip";
    case CheckStatus::kBlocked: return "blocked";
    case CheckStatus::kUnsupported: return "unsupported";
  }
  return "unknown";
}

const char* Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return "pass";
    case Verdict::kFail: return "fail";
    case Verdict::kIncomplete: return "incomplete";
  }
  return "unknown";
}

Verdict Report::verdict() const {
  const bool failed = std::any_of(checks.begin(), checks.end(),
                                  [](const CheckResult& check) { return check.status == CheckStatus::kFail; });
  if (failed) return Verdict::kFail;
  return missing().empty() && unjudged().empty() && !part() ? Verdict::kPass : Verdict::kIncomplete;
}

std::optional<std::string> Report::part() const {
  const auto found = environment.find("part");
  if (!environment.is_object() || found == environment.end()) return std::nullopt;
  if (*found == "") return std::nullopt;
  return found->is_string() ? found->get<std::string>() : "a part of the run";
}

std::vector<std::string> Report::unjudged() const {
  std::vector<std::string> ids;
  std::set<std::string> messages;
  for (const CheckResult& check : checks) {
    if (check.status == CheckStatus::kUnsupported && messages.insert(check.message).second) ids.push_back(check.id);
  }
  return ids;
}

std::vector<std::string> Report::missing() const {
  std::vector<std::string> words;
  const auto required = environment.find("require");
  if (!environment.is_object() || required == environment.end() || !required->is_array()) return words;
  for (const std::string& word : not_run) {
    if (std::find(required->begin(), required->end(), nlohmann::json(word)) != required->end()) words.push_back(word);
  }
  return words;
}

CheckCounts Count(const std::vector<CheckResult>& checks) {
  CheckCounts counts;
  for (const CheckResult& check : checks) {
    switch (check.status) {
      case CheckStatus::kPass: ++counts.passed; break;
      case CheckStatus::kFail: ++counts.failed; break;
      case CheckStatus::kBlocked: ++counts.blocked; break;
      case CheckStatus::kSkip: ++counts.skipped; break;
      case CheckStatus::kUnsupported: ++counts.unsupported; break;
    }
  }
  return counts;
}

}  // namespace harness::report
