#include "conformance/framework/outcome.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/safe_text.h"
#include "harness/report/shorten.h"

namespace conformance {
namespace {

using harness::ErrorCode;
using harness::report::CheckStatus;
using nlohmann::json;

constexpr size_t kMaxItems = 1000;  // of a list that a check measured

Outcome Make(CheckStatus status, std::string reason, std::string message, json measured = nullptr,
             json limit = nullptr) {
  Outcome outcome;
  outcome.status = status;
  outcome.reason = std::move(reason);
  outcome.message = std::move(message);
  outcome.measured = std::move(measured);
  outcome.limit = std::move(limit);
  return outcome;
}

const char* GetReason(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kUnsupported: return reason::kUnsupported;
    case ErrorCode::kMismatch: return "mismatch";
    case ErrorCode::kUnsafe: return "unsafe";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kMachine: return reason::kRunFailed;
  }
  return "";
}

std::string MakePrintable(const std::string& text) { return harness::SafeLine(harness::report::ShortenMessage(text)); }

json MakePrintable(const json& value) {
  if (value.is_string()) return MakePrintable(value.get_ref<const std::string&>());
  if (value.is_array()) {
    json list = json::array();
    for (size_t i = 0; i < std::min(value.size(), kMaxItems); ++i) list.push_back(MakePrintable(value[i]));
    if (value.size() > kMaxItems) list.push_back(fmt::format("and {} more", value.size() - kMaxItems));
    return list;
  }
  if (!value.is_object()) return value;
  json object = json::object();
  for (const auto& [key, item] : value.items())
    object[harness::SafeLine(harness::report::Shorten(key))] = MakePrintable(item);
  return object;
}

}  // namespace

Outcome Pass(json measured, json limit) {
  return Make(CheckStatus::kPass, "", "", std::move(measured), std::move(limit));
}
Outcome Fail(std::string message, json measured, json limit) {
  return Make(CheckStatus::kFail, "", std::move(message), std::move(measured), std::move(limit));
}
Outcome Skip(std::string reason, std::string message) {
  return Make(CheckStatus::kSkip, std::move(reason), std::move(message));
}
Outcome Unsupported(std::string message) {
  return Make(CheckStatus::kUnsupported, reason::kUnsupported, std::move(message));
}
Outcome Blocked(const std::string& by) {
  Outcome outcome = Make(CheckStatus::kBlocked, "", fmt::format("blocked by {}", by));
  outcome.blocked_by = by;
  return outcome;
}
Outcome RunFailed(const std::string& why) {
  return Skip(reason::kRunFailed, fmt::format("the run failed, and says nothing about the export: {}", why));
}
Outcome FromStatus(const harness::Status& status) {
  if (status.ok()) return Pass();
  const harness::Error& error = status.error();
  if (error.code == ErrorCode::kMachine) return RunFailed(error.message).WithRemedy(error.remedy);
  if (error.code == ErrorCode::kUnsupported) return Unsupported(error.message).WithRemedy(error.remedy);
  return Fail(error.message).WithReason(GetReason(error.code)).WithRemedy(error.remedy);
}

Outcome MakePrintable(Outcome outcome) {
  outcome.message = MakePrintable(outcome.message);
  outcome.remedy = MakePrintable(outcome.remedy);
  outcome.measured = MakePrintable(outcome.measured);
  outcome.limit = MakePrintable(outcome.limit);
  return outcome;
}

}  // namespace conformance
