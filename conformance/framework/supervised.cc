#include "conformance/framework/supervised.h"

#include <fcntl.h>
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

std::string DescribeSignal(int signal) {
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

void Journal::Finished(const harness::report::CheckResult& result) {
  Write(json(harness::report::ToJson(result)).dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
}

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
      auto check = harness::report::CheckFromJson(entry, "the journal of the run");
      if (!check.ok()) continue;
      left.checks.push_back(*std::move(check));
      std::erase(started, left.checks.back().id);
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
  if (child < 0) return {.exit_code = work()};
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(EXIT_FAILURE);
    std::exit(work());
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return {.exit_code = EXIT_FAILURE, .signal = WTERMSIG(status)};
  return {.exit_code = WEXITSTATUS(status)};
}

std::optional<std::string> AskChild(const std::function<std::string()>& question) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  const Ending ending = RunInChild([&] {
    const std::string answer = question();
    return write(ends[1], answer.data(), answer.size()) == static_cast<ssize_t>(answer.size()) ? EXIT_SUCCESS
                                                                                               : EXIT_FAILURE;
  });
  close(ends[1]);
  std::string answer(4096, '\0');  // what a pipe holds at least, so that the child never waits
  const ssize_t size = read(ends[0], answer.data(), answer.size());
  close(ends[0]);
  if (ending.signal != 0 || ending.exit_code != EXIT_SUCCESS || size < 0) return std::nullopt;
  answer.resize(static_cast<size_t>(size));
  return answer;
}

EndingText DescribeEnding(const Ending& ending) {
  if (ending.signal == 0) {
    return {fmt::format("ended with status {} and left no result", ending.exit_code), "Report it, with the export"};
  }
  const std::string ended = fmt::format("was ended by {}", DescribeSignal(ending.signal));
  if (ending.signal == SIGKILL) {
    return {ended + ", which as a rule the system sends where memory ran out",
            "Run it on a machine with more memory, or look at its limits (ulimit, the container's, the job's)"};
  }
  if (ending.signal == SIGABRT) {
    return {ended +
                ". Its last words stand above: there was not enough memory, as a rule, or it is a fault of this "
                "suite or of a library",
            "Run it on a machine with more memory; if it ends there, too, report it with the export"};
  }
  return {ended + ". That is a fault of this suite, of a library or of the machine, which this export brings out",
          "Report it, with the export"};
}

}  // namespace conformance
