// What the tests of this layer share.
#pragma once

#include <gmock/gmock.h>

#include <optional>
#include <string>

#include "harness/base/result.h"
#include "harness/config/config.h"

namespace harness {

// A failed Result with this code and these words in its message.
MATCHER_P2(FailsWith, code, words, std::string("fails as ") + Name(code) + " with \"" + words + "\" in the message") {
  if (arg.ok()) {
    *result_listener << "which succeeded";
    return false;
  }
  *result_listener << "which failed as " << Name(arg.error().code) << ": " << arg.error().message;
  return arg.error().code == code && arg.error().message.find(words) != std::string::npos;
}

// A Result that holds this value.
MATCHER_P(Holds, value, "holds " + testing::PrintToString(value)) {
  if (!arg.ok()) {
    *result_listener << "which failed as " << Name(arg.error().code) << ": " << arg.error().message;
    return false;
  }
  return testing::ExplainMatchResult(testing::Eq(value), *arg, result_listener);
}

inline Environment NoEnvironment() {
  return [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
}

inline Result<Config> ParseText(std::string_view yaml) {
  return Config::Parse(yaml, "file.bin: xp.cfg", NoEnvironment());
}

}  // namespace harness
