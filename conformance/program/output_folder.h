// The output folder: where it may be, and that one run at a time has it.
//
// A run is one process, or the many that one ctest starts: the begin stage claims the folder for the process that
// started it, and each later stage and check joins. Who holds the folder stands in OUTPUT/.conformance-run, with the
// start time of the process; a run that was killed is found gone and replaced. While one of its processes is alive it
// holds an flock on that file as well, which says the same to another machine (or container) on one file system, where
// process ids mean nothing.
#pragma once

#include <optional>
#include <string>

#include "conformance/framework/settings.h"
#include "harness/base/result.h"

namespace conformance {

// Not inside the export, and the export is nothing that a run writes below its output folder; links are followed.
// Errors: kMismatch.
harness::Status CheckOutputPlace(const Settings& settings);

class OutputFolder {
 public:
  // For this process, or where CTest stages the run for the process that started this one. Makes the folder.
  // Errors: kIo (it can't be made or written), kMismatch (another run has it, by name).
  static harness::Result<OutputFolder> Claim(const Settings& settings);
  // For a later process of a staged run. A folder that nobody has claimed may be used: what lies there is stamped.
  // Errors: as Claim.
  static harness::Result<OutputFolder> Join(const Settings& settings);

  OutputFolder(OutputFolder&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  OutputFolder& operator=(OutputFolder&&) = delete;
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder();

  // The run is over.
  void Leave();

 private:
  explicit OutputFolder(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace conformance
