// A ZIP or ZIP64 archive in memory: its directory, checked against the local headers, and its records' bytes.
// Methods 0 (stored) and 8 (deflated); anything else, encryption and split archives are kUnsupported.
//
// Errors: kCorrupt, kUnsupported, naming the record and the offset in the file.
// Ownership: `file` must outlive the archive; inflated bytes live as long as the archive.
// Thread safety: const member functions may be called from several threads.
// Source: PKWARE APPNOTE 6.3; see FORMAT.md.
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

#include "harness/archive/findings.h"
#include "harness/base/result.h"

namespace harness {

struct ZipRecord {
  std::string name;
  uint16_t flags = 0;
  uint16_t method = 0;           // 0 stored, 8 deflated
  uint32_t crc = 0;              // of the uncompressed bytes; 0 also where the writer did not compute it
  uint64_t compressed_size = 0;  // bytes in the file
  uint64_t size = 0;             // bytes once inflated
  uint64_t header_offset = 0;    // of the local header
  uint64_t data_offset = 0;      // of the first payload byte; 0 where the local header is bad
  bool readable = false;         // payload lies inside the file and its method is known
  bool deflated() const { return method == 8; }
};

// The end-of-directory records and the central directory; local headers are not looked at.
struct ZipDirectory {
  std::vector<ZipRecord> records;  // in directory order
  uint64_t offset = 0;             // of the central directory
  // What another reader may take otherwise. It was read as PyTorch's miniz reads it: the last end record's signature
  // counts, whatever its comment's length; a ZIP64 locator that points nowhere is passed over.
  Findings doubts;
};
// `file_name` starts every message.
Result<ZipDirectory> ReadZipDirectory(std::span<const std::byte> file, std::string_view file_name);

// Whether there is an end-of-directory record at all: a half download has none.
bool HasEndOfZipDirectory(std::span<const std::byte> file);
// Whether a reader that looks for an archive at the end of a file of another kind would find one, wherever it begins.
bool EndsAsZipArchive(std::span<const std::byte> file);

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

}  // namespace harness
