// What a check says of an export: fields for whoever decides, sentences for whoever reads. No code reads a sentence.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "harness/base/result.h"
#include "harness/report/report.h"

namespace conformance {

// Reason codes, as report.json has them. Of a failure the reason is that of the error ("corrupt", "unsafe", ...), where
// an error brought it about.
namespace reason {
inline constexpr const char* kNoExport = "no_export";               // AUDIOCRAFT_EXPORT_DIR is not set
inline constexpr const char* kNoDevice = "no_device";               // there is no such device, or nobody asked for it
inline constexpr const char* kDeviceUnusable = "device_unusable";   // it is there, and can't be used
inline constexpr const char* kNotInCache = "not_in_cache";          // a T5 or a codec that is fetched beside the export
inline constexpr const char* kNotAsked = "not_asked";               // the profile, or a variable, leaves it out
inline constexpr const char* kTakesNoMelody = "takes_no_melody";    // the model has no conditioner for one
inline constexpr const char* kNothingToJudge = "nothing_to_judge";  // a reference brings no config of its own
inline constexpr const char* kStageLeftNothing = "stage_left_nothing";
inline constexpr const char* kProcessEnded = "process_ended";  // it was killed, or crashed
inline constexpr const char* kFileChanged = "file_changed";    // while it was read
inline constexpr const char* kUnsupported = "unsupported";     // well formed, and not built here
inline constexpr const char* kRunFailed = "run_failed";        // this machine is to blame: exit status 2
}  // namespace reason

// The remedy where neither the export nor whoever made it can be to blame.
inline constexpr const char* kReportDefect =
    "Run it again; if it happens again, report it with the export: this suite or the machine is at fault";

struct Outcome {
  harness::report::CheckStatus status = harness::report::CheckStatus::kFail;  // a forgotten one must not pass
  std::string message;      // empty on a pass, unless there is something to know
  std::string remedy;       // what to do; empty: nothing
  std::string reason;       // a code of above
  std::string blocked_by;   // the id of the check that must pass, or run, first
  std::string requirement;  // of CONFORMANCE_REQUIRE's words: what did not run
  nlohmann::json measured;  // what was measured, and
  nlohmann::json limit;     // what it was held to; null where nothing is measured

  bool passed() const { return status == harness::report::CheckStatus::kPass; }
  bool failed() const { return status == harness::report::CheckStatus::kFail; }
  bool run_failed() const { return reason == reason::kRunFailed; }
  Outcome WithRemedy(std::string text) && {
    remedy = std::move(text);
    return std::move(*this);
  }
  Outcome WithReason(std::string code) && {
    reason = std::move(code);
    return std::move(*this);
  }
};

Outcome Pass(nlohmann::json measured = nullptr, nlohmann::json limit = nullptr);
Outcome Fail(std::string message, nlohmann::json measured = nullptr, nlohmann::json limit = nullptr);
Outcome Skip(std::string reason, std::string message);
// This suite can't judge the export: nobody can say then that it is good.
Outcome Unsupported(std::string message);
// `by`: the id of a check that fails.
Outcome Blocked(const std::string& by);
// Nothing is said of the export: the run failed, and ends as such, in the process of each stage that learns of it.
Outcome RunFailed(const std::string& why);
// Pass where ok; unsupported where this suite can't judge; the run's failure (kMachine); else fail.
Outcome FromStatus(const harness::Status& status);

// Texts may come out of the files under test: without what would steer a terminal, and none at a length that only an
// attacker would write.
Outcome MakePrintable(Outcome outcome);

}  // namespace conformance
