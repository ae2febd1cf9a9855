// A ZIP or ZIP64 archive in memory: its directory, checked against the local headers, and its records' bytes.
// Methods 0 (stored) and 8 (deflated); anything else, encryption and split archives are kUnsupported.
//
// Errors: kCorrupt, kUnsupported, naming the record and the offset in the file.
// Ownership: `file` must outlive the archive; inflated bytes live as long as the archive.
// Thread safety: const member functions may be called from several threads.
// Source: PKWARE APPNOTE 6.3; see checkpoint/FORMAT.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "harness/archive/zip_directory.h"
#include "harness/base/result.h"

namespace harness::archive {

// The bytes of a record; what had to be inflated for them goes with them.
struct ZipBytes {
  std::span<const std::byte> bytes;
  std::unique_ptr<std::byte[]> inflated;
};

class ZipArchive {
 public:
  // Fails only where there is no directory. What is wrong with single records is in status(), all of it in one message.
  static Result<std::unique_ptr<ZipArchive>> Open(std::span<const std::byte> file, std::string file_name);

  const Status& status() const { return status_; }
  const std::vector<ZipRecord>& records() const { return directory_.records; }
  // Whether every reader sees the same records in the file: see zip_layout.h. Meaningful where status() is not ok, too.
  const Findings& doubts() const { return directory_.doubts; }
  std::optional<size_t> Find(std::string_view name) const;  // the last one of that name

  // The payload. Stored: a view of the file. Deflated: inflated on the first call and kept.
  Result<std::span<const std::byte>> Read(size_t record) const;

  // As Read, but keeps nothing.
  Result<ZipBytes> ReadOnce(size_t record) const;

  // Inflates a deflated record into `out`, which has its size, without keeping it.
  Status Inflate(size_t record, std::span<std::byte> out) const;

 private:
  ZipArchive() = default;
  Status CheckRecords();
  std::optional<Error> CheckLocalHeader(ZipRecord& record) const;

  std::span<const std::byte> file_;
  std::string file_name_;
  ZipDirectory directory_;
  Status status_;
  std::unordered_map<std::string_view, size_t> by_name_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<size_t, std::unique_ptr<std::byte[]>> inflated_;
};

}  // namespace harness::archive
