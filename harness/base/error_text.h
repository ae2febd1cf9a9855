// A message and its remedy as one text, for what has room for one only.
#pragma once

#include <string>

#include "harness/base/result.h"

namespace harness {

// "MESSAGE. REMEDY"; the message alone where there is no remedy.
inline std::string JoinRemedy(const std::string& message, const std::string& remedy) {
  return remedy.empty() ? message : message + ". " + remedy;
}

inline std::string JoinSentences(const Error& error) { return JoinRemedy(error.message, error.remedy); }

}  // namespace harness
