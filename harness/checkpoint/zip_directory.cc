#include <fmt/format.h>

#include <algorithm>

#include "harness/checkpoint/little_endian.h"
#include "harness/checkpoint/printable.h"
#include "harness/checkpoint/zip_archive.h"

namespace harness {
namespace {

constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kEnd64LocatorSignature = 0x07064b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr size_t kEndSize = 22, kEnd64Size = 56, kEnd64LocatorSize = 20, kCentralSize = 46;
constexpr size_t kMaxComment = 65535;

// Offset of the last end-of-directory record whose comment fits into the file. Bytes behind it are tolerated, as the
// real loader tolerates them.
std::optional<size_t> FindEnd(std::span<const std::byte> file) {
  if (file.size() < kEndSize) return std::nullopt;
  const size_t last = file.size() - kEndSize;
  const size_t first = last > kMaxComment ? last - kMaxComment : 0;
  for (size_t at = last + 1; at-- > first;) {
    if (LoadLittle<uint32_t>(&file[at]) != kEndSignature) continue;
    if (LoadLittle<uint16_t>(&file[at + 20]) <= file.size() - at - kEndSize) return at;
  }
  return std::nullopt;
}

struct End {
  uint64_t entries, size, offset;
  uint32_t disk, directory_disk;
};

// Values of 0xffff and 0xffffffff in an entry stand in the ZIP64 extra field (id 1), in this fixed order.
bool ReadZip64Extra(std::span<const std::byte> extra, ZipRecord& record, bool need_size, bool need_compressed,
                    bool need_offset) {
  if (!need_size && !need_compressed && !need_offset) return true;
  size_t at = 0;
  while (at + 4 <= extra.size()) {
    const auto id = LoadLittle<uint16_t>(&extra[at]);
    const size_t length = LoadLittle<uint16_t>(&extra[at + 2]);
    at += 4;
    if (length > extra.size() - at) return false;
    if (id == 1) {
      size_t field = at;
      const auto take = [&](bool need, uint64_t& into) {
        if (!need) return true;
        if (field + 8 > at + length) return false;
        into = LoadLittle<uint64_t>(&extra[field]);
        field += 8;
        return true;
      };
      return take(need_size, record.size) && take(need_compressed, record.compressed_size) &&
             take(need_offset, record.header_offset);
    }
    at += length;
  }
  return false;
}

Result<End> ReadEnd(std::span<const std::byte> file, size_t at, std::string_view file_name) {
  const std::byte* end = &file[at];
  End result{LoadLittle<uint16_t>(end + 10), LoadLittle<uint32_t>(end + 12), LoadLittle<uint32_t>(end + 16),
             LoadLittle<uint16_t>(end + 4), LoadLittle<uint16_t>(end + 6)};
  uint64_t limit = at;  // the directory ends before this
  if (at >= kEnd64LocatorSize && LoadLittle<uint32_t>(&file[at - kEnd64LocatorSize]) == kEnd64LocatorSignature) {
    const auto offset = LoadLittle<uint64_t>(&file[at - kEnd64LocatorSize + 8]);
    limit = at - kEnd64LocatorSize;
    if (offset > limit || limit - offset < kEnd64Size || LoadLittle<uint32_t>(&file[offset]) != kEnd64Signature) {
      return Error{ErrorCode::kCorrupt,
                   fmt::format("{}: the ZIP64 locator at offset {} points to offset {}, where there is no ZIP64 "
                               "end-of-directory record; the file was cut or joined from parts",
                               file_name, limit, offset)};
    }
    const std::byte* end64 = &file[offset];
    result = {LoadLittle<uint64_t>(end64 + 32), LoadLittle<uint64_t>(end64 + 40), LoadLittle<uint64_t>(end64 + 48),
              LoadLittle<uint32_t>(end64 + 16), LoadLittle<uint32_t>(end64 + 20)};
    limit = offset;
  }
  if (result.disk != 0 || result.directory_disk != 0) {
    return Error{ErrorCode::kUnsupported, fmt::format("{}: is one part of a split ZIP archive", file_name)};
  }
  if (result.offset > limit || result.size > limit - result.offset || result.entries > result.size / kCentralSize) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: the ZIP directory should hold {} entries in {} bytes at offset {}, but only {} bytes "
                             "lie before its end record; the file was cut or joined from parts",
                             file_name, result.entries, result.size, result.offset, limit)};
  }
  return result;
}

}  // namespace

bool HasEndOfZipDirectory(std::span<const std::byte> file) { return FindEnd(file).has_value(); }

Result<ZipDirectory> ReadZipDirectory(std::span<const std::byte> file, std::string_view file_name) {
  const std::optional<size_t> end_at = FindEnd(file);
  if (!end_at) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: is the beginning of a ZIP archive without its directory, which stands at the end ({} "
                             "bytes are here): an interrupted download or copy, or a full disk. Copy it again",
                             file_name, file.size())};
  }
  ASSIGN_OR_RETURN(const End end, ReadEnd(file, *end_at, file_name));
  ZipDirectory directory;
  directory.offset = end.offset;
  const size_t comment_size = LoadLittle<uint16_t>(&file[*end_at + 20]);
  directory.comment.assign(reinterpret_cast<const char*>(&file[*end_at]) + kEndSize, comment_size);
  directory.records.reserve(end.entries);
  uint64_t at = end.offset;
  const uint64_t limit = end.offset + end.size;
  for (uint64_t i = 0; i < end.entries; ++i) {
    const auto damaged = [&](std::string_view what) {
      return Error{ErrorCode::kCorrupt, fmt::format("{}: entry {} of {} in the ZIP directory, at offset {}, {}",
                                                    file_name, i + 1, end.entries, at, what)};
    };
    if (limit - at < kCentralSize) return damaged("is cut off");
    const std::byte* entry = &file[at];
    if (LoadLittle<uint32_t>(entry) != kCentralSignature) return damaged("does not start with PK\\1\\2");
    const size_t name_size = LoadLittle<uint16_t>(entry + 28);
    const size_t extra_size = LoadLittle<uint16_t>(entry + 30);
    const size_t total = kCentralSize + name_size + extra_size + LoadLittle<uint16_t>(entry + 32);
    if (limit - at < total) return damaged("is cut off");
    ZipRecord record;
    record.name.assign(reinterpret_cast<const char*>(entry) + kCentralSize, name_size);
    record.flags = LoadLittle<uint16_t>(entry + 8);
    record.method = LoadLittle<uint16_t>(entry + 10);
    record.crc = LoadLittle<uint32_t>(entry + 16);
    record.compressed_size = LoadLittle<uint32_t>(entry + 20);
    record.size = LoadLittle<uint32_t>(entry + 24);
    record.header_offset = LoadLittle<uint32_t>(entry + 42);
    if (!ReadZip64Extra({entry + kCentralSize + name_size, extra_size}, record, record.size == UINT32_MAX,
                        record.compressed_size == UINT32_MAX, record.header_offset == UINT32_MAX)) {
      return damaged(fmt::format("record {}, lacks the ZIP64 sizes that it announces", Printable(record.name)));
    }
    directory.records.push_back(std::move(record));
    at += total;
  }
  return directory;
}

}  // namespace harness
