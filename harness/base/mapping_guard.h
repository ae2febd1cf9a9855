// Notes when a file changes while it is mapped. Used by MappedFile only, and asked at the end of a run.
//
// Note [A changing file]
// A page that is mapped and no longer in the file (somebody shortened it), or that the disk can't give, kills the
// process by SIGBUS, in whichever thread and library touches it: the scan, libdeflate, a matrix product in LibTorch.
// Here a handler puts pages of zeros in the place of the rest of that mapping and notes it, and the read goes on.
// What was read is worth nothing then, so MappedFilesUnchanged() is asked before a verdict is given: it also compares
// what `stat` says of each file with what it said when the file was opened (device, number, size, times of change).
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "harness/base/result.h"

namespace harness {

class GuardedFile;

// One mapping under the handler's eyes until it is destroyed. Destroy it before the mapping goes.
class MappingGuard {
 public:
  // Files that can be mapped at once; a T5 in shards has some dozens.
  static constexpr size_t kMaxMappings = 1024;

  MappingGuard() = default;
  // `size` > 0; `status`: as fstat gave it, before the bytes were mapped.
  // Errors: kUnsupported, where kMaxMappings are mapped.
  static Result<MappingGuard> Watch(const std::filesystem::path& path, const struct stat& status, const void* data,
                                    size_t size);
  MappingGuard(MappingGuard&& other) noexcept;
  MappingGuard& operator=(MappingGuard&& other) noexcept;
  MappingGuard(const MappingGuard&) = delete;
  MappingGuard& operator=(const MappingGuard&) = delete;
  ~MappingGuard();

  // Ok while the file is the one that was opened; see MappedFilesUnchanged.
  Status Unchanged() const;

 private:
  std::shared_ptr<GuardedFile> file_;
  size_t slot_ = 0;
};

// Of all files that were mapped in this process since it started, or since ForgetMappedFiles: ok, or kIo for the first
// that changed, "state_dict.bin changed while it was read: 900 bytes at the start, 500 now. ...". The path is left in
// `changed` where it is not null.
Status MappedFilesUnchanged(std::filesystem::path* changed = nullptr);
void ForgetMappedFiles();

}  // namespace harness
