// An Error as one text.
#pragma once

#include <string>

#include "harness/base/result.h"

namespace harness {

// "MESSAGE. REMEDY": for what has room for one text only.
inline std::string FullText(const Error& error) {
  return error.remedy.empty() ? error.message : error.message + ". " + error.remedy;
}

}  // namespace harness
