#include "conformance/stages/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace conformance {
namespace {

harness::Error MakeSystemError(const std::string& doing) {
  return {harness::ErrorCode::kIo, fmt::format("{}: {}", doing, std::strerror(errno))};
}

// In the child, between fork and exec: only what is safe there.
[[noreturn]] void Exec(char* const* argv, char* const* environment, const char* folder, int output, int failure) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // nothing is left behind where this process is stopped
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  const int nothing = open("/dev/null", O_RDONLY);
  if (nothing >= 0) dup2(nothing, STDIN_FILENO);
  if (chdir(folder) == 0) execvpe(argv[0], argv, environment);
  const int error = errno;
  (void)!write(failure, &error, sizeof(error));
  _exit(127);
}

// This process's environment with `added` in the place of what it overrides; null-terminated, as exec wants it.
std::vector<char*> MakeEnvironment(const std::vector<std::string>& added) {
  std::vector<char*> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view name = std::string_view(*entry).substr(0, std::string_view(*entry).find('=') + 1);
    if (std::none_of(added.begin(), added.end(), [&](const std::string& text) { return text.starts_with(name); }))
      entries.push_back(*entry);
  }
  for (const std::string& text : added) entries.push_back(const_cast<char*>(text.c_str()));
  entries.push_back(nullptr);
  return entries;
}

// Reads `output` until it ends or the time is over; true where it ended.
bool Drain(int output, double time_limit_s, std::string& text) {
  using Clock = std::chrono::steady_clock;
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(time_limit_s));
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd wait = {output, POLLIN, 0};
    const int ready = poll(&wait, 1, static_cast<int>(std::min<int64_t>(left, 1000)));
    if (ready < 0 && errno != EINTR) return true;
    if (ready <= 0) continue;
    char buffer[4096];
    const ssize_t size = read(output, buffer, sizeof(buffer));
    if (size <= 0) return true;
    text.append(buffer, static_cast<size_t>(size));
    if (text.size() > 2 * kMaxOutput) text.erase(0, text.size() - kMaxOutput);
  }
}

}  // namespace

harness::Result<ProcessResult> RunProcess(const std::vector<std::string>& argv,
                                          const std::vector<std::string>& environment,
                                          const std::filesystem::path& folder, double time_limit_s) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const std::vector<char*> entries = MakeEnvironment(environment);
  int output[2], failure[2];
  if (pipe2(output, O_CLOEXEC) != 0) return MakeSystemError("a pipe");
  if (pipe2(failure, O_CLOEXEC) != 0) {
    close(output[0]), close(output[1]);
    return MakeSystemError("a pipe");
  }
  const pid_t child = fork();
  if (child == 0) Exec(arguments.data(), entries.data(), folder.c_str(), output[1], failure[1]);
  close(output[1]);
  close(failure[1]);
  if (child < 0) {
    close(output[0]), close(failure[0]);
    return MakeSystemError("fork");
  }
  setpgid(child, child);  // whoever comes first; the other call does nothing
  ProcessResult result;
  result.timed_out = !Drain(output[0], time_limit_s, result.output);
  if (result.timed_out) kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  kill(-child, SIGKILL);  // what it left running
  int error = 0;
  const bool started = read(failure[0], &error, sizeof(error)) != sizeof(error);
  close(output[0]);
  close(failure[0]);
  if (!started) {
    return harness::Error{harness::ErrorCode::kIo, fmt::format("{}: {}", argv[0], std::strerror(error))};
  }
  if (result.output.size() > kMaxOutput) result.output.erase(0, result.output.size() - kMaxOutput);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return result;
}

}  // namespace conformance
