#include "conformance/program/output_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::Error;
using harness::ErrorCode;
using nlohmann::json;

constexpr const char* kRecord = ".conformance-run";

std::string DescribeSystemError(int error) { return std::generic_category().message(error); }

std::string ReadHostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "";
}

// Field 22 of /proc/PID/stat, in clock ticks since the machine's start: a process id is used again. Empty: no such
// process.
std::string ReadStartTime(pid_t process) {
  std::ifstream stream(fmt::format("/proc/{}/stat", process));
  const std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  size_t at = text.rfind(')');  // the name before it may hold anything
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  return at == std::string::npos ? "" : text.substr(at + 1, text.find(' ', at + 1) - at - 1);
}

json MakeRecord(const Settings& settings) {
  const pid_t process = settings.staged ? getppid() : getpid();
  return {{"process", process},
          {"started", ReadStartTime(process)},
          {"host", ReadHostName()},
          {"export", settings.export_dir ? settings.export_dir->string() : ""}};
}

bool IsSameRun(const json& one, const json& other) {
  return one["process"] == other["process"] && one["started"] == other["started"] && one["host"] == other["host"];
}

// Of another machine nothing is known but its flock.
bool IsAlive(const json& record) {
  return record["host"] == ReadHostName() && ReadStartTime(record["process"].get<pid_t>()) == record["started"];
}

// Null: nobody's.
json ReadRecord(int fd) {
  std::array<char, 8192> text{};
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  json record = json::parse(text.data(), text.data() + (size > 0 ? size : 0), nullptr, /*allow_exceptions=*/false);
  const bool well_formed = record.is_object() && record.contains("process") && record["process"].is_number_integer() &&
                           record.contains("started") && record.contains("host") && record.contains("export") &&
                           record["export"].is_string();
  return well_formed ? record : json();
}

Error MakeInUseError(const Settings& settings, const json& record) {
  const std::string who = record.is_null()
                              ? std::string("another run")
                              : fmt::format("the run of process {} on {}, which judges {},", record["process"].dump(),
                                            record["host"].dump(-1, ' ', true, json::error_handler_t::replace),
                                            record["export"].get<std::string>());
  return {
      ErrorCode::kMismatch,
      fmt::format("CONFORMANCE_OUTPUT_DIR: {} is in use: {} writes there, and one would be judged by what the other "
                  "leaves",
                  settings.output_dir.string(), who),
      "Wait until it is over, or give this run another folder"};
}

Error MakeCantUseError(const Settings& settings, int error) {
  return {ErrorCode::kIo,
          fmt::format("CONFORMANCE_OUTPUT_DIR: {} can't be written: {}", settings.output_dir.string(),
                      DescribeSystemError(error)),
          "Name a folder that can be written, on a disk that has room"};
}

}  // namespace

harness::Status CheckOutputPlace(const Settings& settings) {
  if (!settings.export_dir) return {};
  std::error_code error;
  const fs::path folder = fs::weakly_canonical(*settings.export_dir, error);
  fs::path output = fs::weakly_canonical(settings.output_dir, error);
  for (fs::path at = output; !at.empty(); at = at.parent_path()) {
    // Compared by what it is, not by name: the folder may be mounted twice.
    if (at == folder || fs::equivalent(at, folder, error)) {
      return Error{ErrorCode::kMismatch,
                   fmt::format("CONFORMANCE_OUTPUT_DIR: {} {} the export {}, which is never changed, and would be "
                               "published with what this suite writes",
                               settings.output_dir.string(), at == output ? "is" : "lies inside of",
                               settings.export_dir->string()),
                   "Name a folder outside of the export"};
    }
    if (at == at.root_path()) break;
  }
  for (const char* written : {"checks", "stages", "generation"}) {
    for (fs::path at = folder; at.has_relative_path(); at = at.parent_path()) {
      if (at != output / written) continue;
      return Error{ErrorCode::kMismatch,
                   fmt::format("CONFORMANCE_OUTPUT_DIR: a run writes into {}, where the export {} lies", at.string(),
                               settings.export_dir->string()),
                   "Name another folder"};
    }
  }
  return {};
}

harness::Result<OutputFolder> OutputFolder::Claim(const Settings& settings) {
  std::error_code error;
  fs::create_directories(settings.output_dir, error);
  if (error) return MakeCantUseError(settings, error.value());
  OutputFolder folder(open((settings.output_dir / kRecord).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (folder.fd_ < 0) return MakeCantUseError(settings, errno);
  // A file system without locks (ENOLCK and the like) leaves the record to say it.
  const bool locked = flock(folder.fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  const json present = ReadRecord(folder.fd_), own = MakeRecord(settings);
  const bool others = !present.is_null() && !IsSameRun(present, own);
  if (locked || (others && IsAlive(present))) return MakeInUseError(settings, present);
  const std::string text = own.dump(-1, ' ', true, json::error_handler_t::replace);
  if (ftruncate(folder.fd_, 0) != 0 ||
      pwrite(folder.fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return MakeCantUseError(settings, errno != 0 ? errno : ENOSPC);
  return folder;
}

harness::Result<OutputFolder> OutputFolder::Join(const Settings& settings) {
  OutputFolder folder(open((settings.output_dir / kRecord).c_str(), O_RDWR | O_CLOEXEC));
  if (folder.fd_ < 0)
    return errno == ENOENT ? harness::Result<OutputFolder>(std::move(folder)) : MakeCantUseError(settings, errno);
  const bool locked = flock(folder.fd_, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  const json present = ReadRecord(folder.fd_);
  if (present.is_null() && !locked) return folder;
  const bool own = !present.is_null() && IsSameRun(present, MakeRecord(settings));
  const bool here = !present.is_null() && present["host"] == ReadHostName();
  // The record of a process that is gone is no other run's: who drives the stages may start each from a new process.
  if (!own && (locked || !here || IsAlive(present))) return MakeInUseError(settings, present);
  return folder;
}

OutputFolder::~OutputFolder() {
  if (fd_ >= 0) close(fd_);  // lets go of the lock
}

void OutputFolder::Leave() {
  if (fd_ >= 0) (void)!ftruncate(fd_, 0);
}

}  // namespace conformance
