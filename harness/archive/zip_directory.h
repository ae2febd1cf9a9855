// The directory of a ZIP or ZIP64 archive, as it stands at the end of the file. Errors as zip_archive.h has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/archive/findings.h"
#include "harness/base/result.h"

namespace harness::archive {

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

}  // namespace harness::archive
