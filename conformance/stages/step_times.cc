#include "conformance/stages/step_times.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

namespace conformance {
namespace {

// When the system started this process, in seconds of its monotonic clock: field 22 of /proc/self/stat (proc(5)), in
// ticks of 10 ms.
double ReadProcessStartS() {
  std::ifstream stream("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(stream)), {});
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return static_cast<double>(std::strtoll(field.c_str(), nullptr, 10)) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double ReadNowS() {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

harness::generate::GenerationCallbacks ShowProgress(const std::string& what) {
  harness::generate::GenerationCallbacks callbacks;
  if (isatty(STDERR_FILENO) == 0) return callbacks;
  callbacks.progress = [what](int64_t done, int64_t total) {
    std::fprintf(stderr, "\r%s: step %lld of %lld%s", what.c_str(), static_cast<long long>(done),
                 static_cast<long long>(total), done == total ? "\n" : "");
  };
  return callbacks;
}

StepTimes::StepTimes() {
  static bool is_first = true;
  start_s_ = std::exchange(is_first, false) ? ReadProcessStartS() : ReadNowS();
}

harness::generate::GenerationCallbacks StepTimes::Watch(harness::generate::GenerationCallbacks callbacks) {
  callbacks.progress = [this, next = callbacks.progress](int64_t done, int64_t total) {
    times_.push_back(ReadNowS());
    if (next) next(done, total);
  };
  return callbacks;
}

double StepTimes::first_s() const { return times_.empty() ? 0 : times_.front() - start_s_; }

double StepTimes::step_s() const {
  std::vector<double> steps;
  for (size_t i = 1; i < times_.size(); ++i) steps.push_back(times_[i] - times_[i - 1]);
  if (steps.empty()) return 0;
  std::nth_element(steps.begin(), steps.begin() + static_cast<ptrdiff_t>(steps.size() / 2), steps.end());
  return steps[steps.size() / 2];
}

}  // namespace conformance
