// A run that somebody outlives: the checks are judged in a child process, which notes each result where this process
// can read it. Whatever ends the child (a signal, no memory, an exit from inside a library), the results that it had
// are kept, and the check that it was judging is named.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/report/report.h"

namespace conformance {

// Lines in a file that has no name and lives in memory: what is written there is there, however the writer ends.
class Journal {
 public:
  Journal();
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  bool available() const { return file_ >= 0; }  // else nothing is kept
  void Started(const std::string& check_id);
  void Finished(const harness::report::CheckResult& result);
  void Concluded();  // the report was written, or that was tried and said

  struct Left {
    std::vector<harness::report::CheckResult> checks;
    std::string judging;  // the check that was started last and not finished; empty: none
    bool concluded = false;
  };
  Left Read() const;

 private:
  void Write(const std::string& line);
  int file_ = -1;
};

struct Ending {
  int exit_code = 0;  // of a child that ended by itself
  int signal = 0;     // that ended it; 0: none
};

// Runs `work` in a child process and waits for it; its return value is the child's exit code. A child is ended with
// this process. Where the system gives no process, `work` runs in this one.
Ending RunInChild(const std::function<int()>& work);

// What `question` gives, asked in a child process; nullopt where that came to no end. A short answer: 4096 bytes at
// most.
std::optional<std::string> AskChild(const std::function<std::string()>& question);

// What a message says after the name of what was ended: how, and why that is; and what to do.
struct EndingText {
  std::string message, remedy;
};
EndingText DescribeEnding(const Ending& ending);

}  // namespace conformance
