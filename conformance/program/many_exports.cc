#include "conformance/program/many_exports.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "conformance/framework/settings.h"
#include "conformance/program/conclude.h"
#include "conformance/stages/subprocess.h"
#include "harness/base/error_text.h"
#include "harness/base/safe_text.h"
#include "harness/report/junit.h"
#include "harness/report/summary.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::Error;
using harness::ErrorCode;
using harness::report::NamedReport;

constexpr double kTimeLimitS = 24 * 3600;  // of one export; the stages have limits of their own
constexpr size_t kMaxSlots = 1024;

struct Entry {
  size_t number = 0;  // from 1, over the whole list
  std::string given;
  fs::path folder;
};

std::vector<Entry> TakeShare(const CommandLine& line, const fs::path& output) {
  std::vector<Entry> entries;
  for (size_t i = 0; i < line.exports.size(); ++i) {
    if (static_cast<int64_t>(i) % line.share.of != line.share.number) continue;
    fs::path name = fs::path(line.exports[i]).lexically_normal();
    if (!name.has_filename()) name = name.parent_path();  // a slash at the end
    entries.push_back({i + 1, line.exports[i], output / fmt::format("{}-{}", i + 1, name.filename().string())});
  }
  return entries;
}

// A resource specification file of CTest's (ctest(1)): the ids of its gpus, each as often as it has slots.
harness::Result<std::vector<std::string>> ReadGpus(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error{ErrorCode::kIo, fmt::format("--resource-spec-file: {} can't be read", path)};
  const auto spec = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> ids;
  try {
    for (const auto& local : spec.at("local")) {
      for (const auto& gpu : local.at("gpus")) {
        const int64_t slots = gpu.value("slots", int64_t{1});
        for (int64_t i = 0; i < slots && ids.size() < kMaxSlots; ++i) ids.push_back(gpu.at("id").get<std::string>());
      }
    }
  } catch (const nlohmann::json::exception&) {
    ids.clear();
  }
  if (ids.empty()) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("--resource-spec-file: {} names no gpus; expected is a file of CTest's: {{\"local\": "
                             "[{{\"gpus\": [{{\"id\": \"0\", \"slots\": 1}}]}}]}}",
                             path)};
  }
  return ids;
}

// GPUs that are free. There are no more workers than GPUs, so that nobody waits for one; without a specification all
// workers go without.
class Gpus {
 public:
  explicit Gpus(std::vector<std::string> free) : free_(std::move(free)) {}

  std::optional<std::string> Take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::nullopt;
    std::string id = std::move(free_.back());
    free_.pop_back();
    return id;
  }
  void GiveBack(const std::optional<std::string>& id) {
    if (!id) return;
    const std::lock_guard lock(mutex_);
    free_.push_back(*id);
  }

 private:
  std::vector<std::string> free_;
  std::mutex mutex_;
};

NamedReport ReadLeft(const Entry& entry, double seconds, const std::string& otherwise) {
  auto report = harness::report::ReadReport(entry.folder / "report.json");
  if (!report.ok() && !otherwise.empty()) report = Error{ErrorCode::kMachine, otherwise};
  return {entry.given, std::move(report), seconds};
}

// What became of one export.
NamedReport JudgeOne(const Entry& entry, const fs::path& program, Gpus& gpus, int& status) {
  const auto start = std::chrono::steady_clock::now();
  std::error_code error;
  const fs::path here = fs::current_path(error);
  fs::remove(entry.folder / "report.json", error);  // an older run's must not be taken for this one's
  std::vector<std::string> variables = {"CONFORMANCE_OUTPUT_DIR=" + entry.folder.string()};
  const auto gpu = gpus.Take();
  if (gpu) {
    variables.insert(variables.end(), {"CTEST_RESOURCE_GROUP_COUNT=1", "CTEST_RESOURCE_GROUP_0=gpus",
                                       fmt::format("CTEST_RESOURCE_GROUP_0_GPUS=id:{},slots:1", *gpu)});
  }
  const auto ended = RunProcess({program.string(), "--quiet", "--", entry.given}, variables, here, kTimeLimitS);
  gpus.GiveBack(gpu);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!ended.ok()) {
    status = kUsageExitCode;
    return {entry.given, ended.error(), seconds};
  }
  status = ended->signal != 0 || ended->timed_out ? kUsageExitCode : ended->exit_code;
  // The last line says why.
  std::string why = ended->output;
  while (!why.empty() && why.back() == '\n') why.pop_back();
  why = why.substr(why.rfind('\n') == std::string::npos ? 0 : why.rfind('\n') + 1);
  if (ended->signal != 0) why = fmt::format("the process was ended by signal {}", ended->signal);
  if (ended->timed_out) why = "the process was ended after a day";
  NamedReport left = ReadLeft(entry, seconds, why);
  // A report that could be written says nothing of a run that failed.
  if (status > EXIT_FAILURE && left.report.ok()) left.report = Error{ErrorCode::kMachine, why};
  return left;
}

// A line, and of an export that does not pass the first cause, and where to read on.
void PrintVerdict(const NamedReport& named, const Entry& entry) {
  const auto print = [](const std::string& line) { Print(harness::SafeLine(line) + "\n"); };
  if (!named.report.ok()) {
    print(fmt::format("NO VERDICT {}: {}", named.name, harness::JoinSentences(named.report.error())));
    return;
  }
  print(harness::report::RenderLine(*named.report));
  if (named.report->verdict() == harness::report::Verdict::kPass) return;
  for (const harness::report::CheckResult& check : named.report->checks) {
    if (check.status != harness::report::CheckStatus::kFail) continue;
    print("    " + check.message);
    if (!check.remedy.empty()) print("    What to do: " + check.remedy);
    break;
  }
  print("    Report  " + (entry.folder / "report.html").string());
}

int Finish(const std::vector<NamedReport>& reports, const fs::path& output, int status) {
  int passed = 0;
  for (const NamedReport& named : reports)
    passed += named.report.ok() && named.report->verdict() == harness::report::Verdict::kPass;
  std::error_code error;
  fs::create_directories(output, error);
  const fs::path path = output / "junit.xml";
  std::ofstream file(path, std::ios::binary);
  file << harness::report::RenderJUnit(reports);
  if (!file.flush()) return ReportStatus(Error{ErrorCode::kMachine, fmt::format("{} can't be written", path.string())});
  Print(fmt::format("\n{} of {} exports pass\nReports  {}\nJUnit    {}\n", passed, reports.size(),
                    harness::SafeLine((output / "NUMBER-NAME" / "report.html").string()),
                    harness::SafeLine(path.string())));
  return status;
}

}  // namespace

int JudgeMany(const CommandLine& line, const fs::path& program, const fs::path& output) {
  const std::vector<Entry> entries = TakeShare(line, output);
  std::vector<std::string> free;
  if (!line.gpus.empty()) {
    auto read = ReadGpus(line.gpus);
    if (!read.ok()) return ReportStatus(read.error());
    free = *std::move(read);
  }
  // Where GPUs are shared out, each of them works, and an export waits for one.
  size_t wanted = line.jobs > 0 ? static_cast<size_t>(line.jobs) : std::max<size_t>(1, free.size());
  if (!free.empty()) wanted = std::min(wanted, free.size());
  Gpus gpus(std::move(free));
  std::vector<NamedReport> reports;
  for (const Entry& entry : entries) reports.push_back({entry.given, Error{ErrorCode::kMachine, "it was not run"}});
  std::mutex printing;
  std::atomic<size_t> next = 0;
  size_t done = 0;
  int worst = EXIT_SUCCESS;
  const bool shows_progress = isatty(STDERR_FILENO) != 0;
  const auto work = [&] {
    for (size_t i = next++; i < entries.size(); i = next++) {
      int status = EXIT_SUCCESS;
      NamedReport named = JudgeOne(entries[i], program, gpus, status);
      const std::lock_guard lock(printing);
      worst = std::max(worst, status);
      PrintVerdict(named, entries[i]);
      std::fflush(stdout);
      reports[i] = std::move(named);
      if (shows_progress && ++done < entries.size())
        std::fprintf(stderr, "%zu of %zu exports judged\r", done, entries.size());
    }
  };
  std::vector<std::thread> workers;
  for (size_t i = 1; i < std::min(wanted, entries.size()); ++i) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
  return Finish(reports, output, worst);
}

int CollectMany(const CommandLine& line, const fs::path& output) {
  std::vector<NamedReport> reports;
  int status = EXIT_SUCCESS;
  for (const Entry& entry : TakeShare(line, output)) {
    NamedReport named = ReadLeft(entry, 0, "");
    if (!named.report.ok() || named.report->verdict() != harness::report::Verdict::kPass) status = EXIT_FAILURE;
    PrintVerdict(named, entry);
    reports.push_back(std::move(named));
  }
  return Finish(reports, output, status);
}

}  // namespace conformance
