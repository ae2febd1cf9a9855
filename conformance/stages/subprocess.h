// Runs another program with a time limit and keeps what it says.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/result.h"

namespace conformance {

struct ProcessResult {
  int exit_code = 0;  // meaningful where signal is 0 and it was in time
  int signal = 0;     // that ended it
  bool timed_out = false;
  std::string output;  // stdout and stderr together, the last kMaxOutput bytes
};

inline constexpr size_t kMaxOutput = 64 * 1024;

// argv[0] is a path, or a name looked up in PATH; `environment` entries ("NAME=value") are added to this process's own.
// Runs in `folder`, with its own process group, which is killed as a whole when `time_limit_s` is over.
// Errors: kIo, where it can't be started, with the system's words.
harness::Result<ProcessResult> RunProcess(const std::vector<std::string>& argv,
                                          const std::vector<std::string>& environment,
                                          const std::filesystem::path& folder, double time_limit_s);

}  // namespace conformance
