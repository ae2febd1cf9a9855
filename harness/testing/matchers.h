// Matchers for Result and Status that describe themselves.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace harness::testing_support {

// As FailsWith, below.
MATCHER_P2(FailsWithAll, code, parts,
           std::string("fails as \"") + Name(code) + "\" with " + testing::PrintToString(parts)) {
  if (arg.ok()) {
    *result_listener << "which succeeded";
    return false;
  }
  *result_listener << "which failed as \"" << Name(arg.error().code) << "\": " << arg.error().message;
  if (arg.error().code != code) return false;
  for (const std::string& part : parts) {
    if (arg.error().message.find(part) == std::string::npos) {
      *result_listener << "; it lacks \"" << part << "\"";
      return false;
    }
  }
  return true;
}

// A Result or Status that failed with `code`, in whose message each of `parts` stands.
using Parts = std::vector<std::string_view>;
inline auto FailsWith(ErrorCode code, const Parts& parts) {
  return FailsWithAll(code, std::vector<std::string>(parts.begin(), parts.end()));
}
inline auto FailsWith(ErrorCode code, std::string_view part) { return FailsWith(code, Parts{part}); }

// A Result or Status that failed and says, as its remedy, what `part` says.
MATCHER_P(HasRemedy, part, std::string("has a remedy with \"") + part + "\"") {
  if (arg.ok()) {
    *result_listener << "which succeeded";
    return false;
  }
  *result_listener << "whose remedy is \"" << arg.error().remedy << '"';
  return arg.error().remedy.find(part) != std::string::npos;
}

MATCHER(Succeeds, negation ? "fails" : "succeeds") {
  if (!arg.ok()) *result_listener << "which failed as \"" << Name(arg.error().code) << "\": " << arg.error().message;
  return arg.ok();
}

// A Result that holds this value.
MATCHER_P(Holds, value, "holds " + testing::PrintToString(value)) {
  if (!arg.ok()) {
    *result_listener << "which failed as \"" << Name(arg.error().code) << "\": " << arg.error().message;
    return false;
  }
  return testing::ExplainMatchResult(testing::Eq(value), *arg, result_listener);
}

}  // namespace harness::testing_support
