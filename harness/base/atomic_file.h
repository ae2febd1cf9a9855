// Files that appear whole or not at all: written under a temporary name beside the target, then renamed over it.
//
// Two processes may write the same target at once (CTest runs one process per test): the last rename wins, and no
// reader ever sees half a file. A process that is killed leaves its temporary file, never a wrong target. This guards
// against other processes, not against a power cut: nothing is synced.
// Errors: kIo, with the path and the system's words.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "harness/base/result.h"

namespace harness {

class AtomicFile {
 public:
  // Creates the target's parent folders; the caller then writes temporary() and calls Commit().
  static Result<AtomicFile> Create(const std::filesystem::path& target) {
    std::error_code error;
    if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), error);
    if (error) {
      return Error{ErrorCode::kIo, fmt::format("{}: the folder {} could not be created: {}", target.string(),
                                               target.parent_path().string(), error.message())};
    }
    static std::atomic<unsigned> serial{0};
    AtomicFile file;
    file.target_ = target;
    file.temporary_ =
        target.parent_path() / fmt::format(".{}.{}-{}.tmp", target.filename().string(), getpid(), serial.fetch_add(1));
    return file;
  }

  AtomicFile(AtomicFile&& other) noexcept
      : target_(std::move(other.target_)), temporary_(std::exchange(other.temporary_, {})) {}
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() {
    std::error_code ignored;  // nothing can be done about a temporary file that will not go
    if (!temporary_.empty()) std::filesystem::remove(temporary_, ignored);
  }

  const std::filesystem::path& temporary() const { return temporary_; }

  Status Commit() {
    std::error_code error;
    std::filesystem::rename(temporary_, target_, error);
    if (error) {
      return Error{ErrorCode::kIo, fmt::format("{}: could not be written: {}", target_.string(), error.message())};
    }
    temporary_.clear();
    return {};
  }

 private:
  AtomicFile() = default;
  std::filesystem::path target_;
  std::filesystem::path temporary_;  // empty once committed or moved from
};

// Writes the parts one after the other.
inline Status WriteFileAtomically(const std::filesystem::path& target, std::initializer_list<std::string_view> parts) {
  HARNESS_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(target));
  std::FILE* stream = std::fopen(file.temporary().c_str(), "wb");
  bool written = stream != nullptr;
  for (std::string_view part : parts) {
    written = written && std::fwrite(part.data(), 1, part.size(), stream) == part.size();
  }
  int reason = errno;
  if (stream != nullptr && std::fclose(stream) != 0) {  // the last block reaches the disk here
    if (written) reason = errno;
    written = false;
  }
  if (!written) {
    return Error{ErrorCode::kIo,
                 fmt::format("{}: could not be written: {}", target.string(), std::generic_category().message(reason))};
  }
  return file.Commit();
}

}  // namespace harness
