// A file mapped read-only. Links are followed, as the reference follows them (hub caches are links).
// Errors: kNotFound (also a dangling link), kIo (not a regular file, not readable), with the path and errno's words.
// An empty file is not an error here: it maps to zero bytes. What a file that changes meanwhile does: see Note [A
// changing file].
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "harness/base/mapping_guard.h"
#include "harness/base/result.h"

namespace harness {

class MappedFile {
 public:
  MappedFile() = default;  // no bytes
  static Result<MappedFile> Open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::filesystem::path& path() const { return path_; }     // as given
  std::string name() const { return path_.filename().string(); }  // for messages
  std::span<const std::byte> bytes() const { return {data_, size_}; }

  // Errors: kIo, where it is no longer the file that was opened, or some of its bytes could not be had.
  Status Unchanged() const { return guard_.Unchanged(); }

  // Tells the kernel that [offset, offset + size) is about to be read / will not be read again soon. Only resident
  // memory and speed change.
  void Prefetch(size_t offset, size_t size) const;
  void Release(size_t offset, size_t size) const;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  MappingGuard guard_;
};

}  // namespace harness
