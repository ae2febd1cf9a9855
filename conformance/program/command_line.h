// The command line of both programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/base/result.h"

namespace conformance {

inline constexpr const char* kCanUseCuda = "--can-use-cuda";  // asks `conformance`, of its CUDA: exit status, reason

// A part of a list: of its entries number, number + of, number + 2 of, ...
struct Share {
  int64_t number = 0, of = 1;
};

struct CommandLine {
  enum class Action {
    kJudge,
    kHelp,
    kVersion,
    kListChecks,
    kListCTest,
    kStage,
    kAskForCuda,  // one program asks the other
    kWriteCTest,  // a folder for ctest
    kCollect      // the results of tasks that took shares
  };
  Action action = Action::kJudge;
  bool quiet = false, as_json = false;
  std::string stage;                 // of kStage
  std::string ctest_folder;          // of kWriteCTest
  std::vector<std::string> exports;  // as given, then those of --from-file; none: AUDIOCRAFT_EXPORT_DIR
  bool many = false;                 // a list: results in a folder each, even of one
  int64_t jobs = 0;                  // 0: not said
  std::string gpus;                  // a resource specification file of CTest's
  Share share;
  std::vector<std::string> googletest;  // its own options, as given
};

// argv without its first entry. Options may stand before and behind the exports; `--` ends them. GoogleTest's options
// (--gtest_*) are kept for it.
// Errors: kMismatch (an option that is not known or lacks its value, a number that is none, an empty export, options
// that exclude each other), kIo (the list can't be read), with what would be right.
harness::Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

}  // namespace conformance
