// One check of the suite: an id that never changes, what must hold before it can be judged, and the judgement itself.
//
// A check is a plain function of the export; the six suite files define them, and one value-parameterised GoogleTest
// suite a category runs them. CHECKS.md is the catalogue for people.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/report.h"

namespace conformance {

class Context;

struct Outcome {
  harness::CheckStatus status = harness::CheckStatus::kFail;  // a forgotten one must not pass
  std::string message;                                        // empty on a pass, unless there is something to know
  nlohmann::json measured;                                    // what was measured, and
  nlohmann::json limit;                                       // what it was held to; null where nothing is measured
  std::string blocked_by = {};                                // the id of the check that must pass first
  bool run_failed = false;  // a limit of this machine, not the export, is why nothing was judged
};

Outcome Pass(nlohmann::json measured = nullptr, nlohmann::json limit = nullptr);
Outcome Fail(std::string message, nlohmann::json measured = nullptr, nlohmann::json limit = nullptr);
Outcome Skip(std::string reason);
Outcome Unsupported(std::string message);  // this suite can't judge it
Outcome Blocked(const std::string& by);
// Nothing is said of the export: the run failed, and ends as such, in the process of each stage that learns of it.
inline constexpr std::string_view kRunFailedPrefix = "the run failed, and nothing is said of the export: ";
Outcome RunFailed(const std::string& why);
// Pass where ok; unsupported where this suite can't judge (kUnsupported); the run's failure (kMachine); else fail with
// the message.
Outcome FromStatus(const harness::Status& status);

struct Check {
  std::string id;                  // "state_dict_integrity/codec/checksums"
  std::string test_name;           // "CodecChecksums": the GoogleTest parameter
  std::vector<std::string> needs;  // ids: where one of them fails, this check is blocked by it
  std::function<Outcome(Context&)> run;
  std::vector<std::string> unless_failed = {};  // as `needs`, but a skip of one of these does not skip this check

  std::string category() const { return id.substr(0, id.find('/')); }
};

// As report.json keeps it.
harness::CheckResult ToResult(const Check& check, const Outcome& outcome);

// One function a category, in the order in which a person should read them.
std::vector<Check> FilePresenceChecks();
std::vector<Check> StateDictIntegrityChecks();
std::vector<Check> ShapeConfigAgreementChecks();
std::vector<Check> CodecCompatibilityChecks();
std::vector<Check> GenerationChecks();
std::vector<Check> AudioOutputChecks();

// All of them, in order.
const std::vector<Check>& Catalogue();

}  // namespace conformance
