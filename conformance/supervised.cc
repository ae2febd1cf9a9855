#include "conformance/supervised.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>

#include "harness/report/report_json.h"

namespace conformance {
namespace {

using nlohmann::json;

std::string SignalName(int signal) {
  const char* abbreviation = sigabbrev_np(signal);
  const char* description = sigdescr_np(signal);
  return fmt::format("{}{} ({})", abbreviation != nullptr ? "SIG" : "signal ",
                     abbreviation != nullptr ? std::string(abbreviation) : std::to_string(signal),
                     description != nullptr ? description : "unknown");
}

}  // namespace

Journal::Journal() : file_(memfd_create("conformance-journal", MFD_CLOEXEC)) {}

Journal::~Journal() {
  if (file_ >= 0) close(file_);
}

void Journal::Write(const std::string& line) {
  for (size_t done = 0; file_ >= 0 && done < line.size();) {
    const ssize_t written = write(file_, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // no memory for the note: the check counts as one that did not finish
    done += static_cast<size_t>(written);
  }
}

void Journal::Started(const std::string& check_id) { Write(json{{"started", check_id}}.dump() + "\n"); }

void Journal::Finished(const harness::CheckResult& result) { Write(harness::ToJson(result).dump() + "\n"); }

void Journal::Concluded() { Write("{\"concluded\":true}\n"); }

Journal::Left Journal::Read() const {
  Left left;
  if (file_ < 0) return left;
  std::string text;
  std::vector<char> block(1 << 16);
  for (off_t at = 0;;) {
    const ssize_t size = pread(file_, block.data(), block.size(), at);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    text.append(block.data(), static_cast<size_t>(size));
    at += size;
  }
  std::vector<std::string> started;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!entry.is_object()) continue;  // the last line, cut
    if (entry.contains("started")) {
      started.push_back(entry["started"]);
    } else if (entry.contains("id")) {
      auto check = harness::CheckFromJson(entry, "the run's journal");
      if (!check.ok()) continue;
      std::erase(started, check->id);
      left.checks.push_back(std::move(check).value());
    } else {
      left.concluded = true;
    }
  }
  if (!started.empty()) left.judging = started.back();
  return left;
}

Ending RunInChild(const std::function<int()>& work) {
  std::cout.flush();
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return {work(), ""};
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(EXIT_FAILURE);
    std::exit(work());
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return {EXIT_FAILURE, "was ended by " + SignalName(WTERMSIG(status))};
  return {WEXITSTATUS(status), ""};
}

std::string DescribeEnding(const Ending& ending) {
  if (ending.abnormal.empty()) return fmt::format("ended with status {} and left no result", ending.exit_code);
  const char* cause =
      ending.abnormal.find("SIGKILL") != std::string::npos
          ? "As a rule that is the system, where memory ran out: run it on a machine with more memory, or ask its "
            "limits (ulimit, the container's, the job's)"
      : ending.abnormal.find("SIGABRT") != std::string::npos
          ? "Its last words stand above: no memory, as a rule, or a fault of this suite or of a library. Run it on a "
            "machine with more memory; if it ends there, too, report it, with the export"
          : "That is a fault of this suite, of a library or of the machine, which this export brings out: report it, "
            "with the export";
  return fmt::format("{}. {}", ending.abnormal, cause);
}

}  // namespace conformance
