#include "harness/archive/zip_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "harness/archive/zip_extra.h"
#include "harness/base/little_endian.h"
#include "harness/base/safe_text.h"

namespace harness::archive {
namespace {

constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kEnd64LocatorSignature = 0x07064b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kFolderAttribute = 0x10;  // of MS-DOS; miniz looks at it whatever system wrote the entry
constexpr size_t kEndSize = 22, kEnd64Size = 56, kEnd64LocatorSize = 20, kCentralSize = 46;
constexpr uint64_t kMaxEntries = uint64_t{1} << 18;  // a model of 3.3 B parameters has 700 records
// How far from the end a reader looks: as far as a comment reaches, and miniz up to one buffer of 4 KiB beyond.
constexpr size_t kTail = kEndSize + 65535 + 4096;
constexpr std::string_view kEndMark("PK\x05\x06", 4);

std::string_view Tail(std::span<const std::byte> file) {
  const size_t size = std::min(file.size(), kTail);
  return {reinterpret_cast<const char*>(file.data()) + (file.size() - size), size};
}

// Offset of the end-of-directory record that miniz, with which PyTorch reads, takes: the last signature, wherever its
// comment ends.
std::optional<size_t> FindEnd(std::span<const std::byte> file) {
  if (file.size() < kEndSize) return std::nullopt;
  const std::string_view tail = Tail(file);
  const size_t at = tail.rfind(kEndMark, tail.size() - kEndSize);
  if (at == std::string_view::npos) return std::nullopt;
  return file.size() - tail.size() + at;
}

struct End {
  uint64_t disk, directory_disk, entries_here, entries, size, offset;
};

End SmallEnd(const std::byte* end) {
  return {LoadLittle<uint16_t>(end + 4),  LoadLittle<uint16_t>(end + 6),  LoadLittle<uint16_t>(end + 8),
          LoadLittle<uint16_t>(end + 10), LoadLittle<uint32_t>(end + 12), LoadLittle<uint32_t>(end + 16)};
}

End LargeEnd(const std::byte* end) {
  return {LoadLittle<uint32_t>(end + 16), LoadLittle<uint32_t>(end + 20), LoadLittle<uint64_t>(end + 24),
          LoadLittle<uint64_t>(end + 32), LoadLittle<uint64_t>(end + 40), LoadLittle<uint64_t>(end + 48)};
}

// What stands in the short record must be the number of the long one, or all ones ("look there").
void CompareEnds(const End& small, const End& large, Findings& doubts) {
  const auto compare = [&](std::string_view what, uint64_t in_small, uint64_t in_large, uint64_t ones) {
    if (in_small != in_large && in_small != ones) {
      doubts.Add("the end record of the directory gives {} {}, its ZIP64 end record {}", in_small, what, in_large);
    }
  };
  compare("entries on this disk", small.entries_here, large.entries_here, UINT16_MAX);
  compare("entries", small.entries, large.entries, UINT16_MAX);
  compare("bytes of entries", small.size, large.size, UINT32_MAX);
  compare("as the directory's offset", small.offset, large.offset, UINT32_MAX);
  compare("as this disk's number", small.disk, large.disk, UINT16_MAX);
  compare("as the directory's disk", small.directory_disk, large.directory_disk, UINT16_MAX);
}

// The end record that miniz goes by. `at`: of the short one; becomes where the directory has to end.
End ReadEnd(std::span<const std::byte> file, uint64_t& at, Findings& doubts) {
  const End small = SmallEnd(&file[at]);
  const size_t comment = LoadLittle<uint16_t>(&file[at + 20]), behind = file.size() - at - kEndSize;
  if (comment != behind) {
    doubts.Add("the end record of the directory at offset {} announces a comment of {} bytes, and {} bytes follow it",
               at, comment, behind);
  }
  if (at < kEnd64LocatorSize || LoadLittle<uint32_t>(&file[at - kEnd64LocatorSize]) != kEnd64LocatorSignature) {
    return small;
  }
  at -= kEnd64LocatorSize;
  const std::byte* locator = &file[at];
  const auto offset = LoadLittle<uint64_t>(locator + 8);
  if (LoadLittle<uint32_t>(locator + 4) != 0 || LoadLittle<uint32_t>(locator + 16) != 1) {
    doubts.Add("the ZIP64 locator at offset {} speaks of disk {} of {}, where 0 of 1 was expected", at,
               LoadLittle<uint32_t>(locator + 4), LoadLittle<uint32_t>(locator + 16));
  }
  if (file.size() < kEnd64Size || offset > file.size() - kEnd64Size ||
      LoadLittle<uint32_t>(&file[offset]) != kEnd64Signature) {
    doubts.Add(
        "the ZIP64 locator at offset {} points to offset {}, where there is no ZIP64 end record: PyTorch passes "
        "over the locator, other readers refuse the file or look elsewhere",
        at, offset);
    return small;
  }
  if (offset + kEnd64Size != at) {
    doubts.Add("the ZIP64 locator at offset {} points to offset {}, and not to the {} bytes before itself", at, offset,
               kEnd64Size);
  }
  if (const auto size = LoadLittle<uint64_t>(&file[offset + 4]); size != kEnd64Size - 12) {
    doubts.Add("the ZIP64 end record at offset {} has {} bytes (expected {})", offset, size, kEnd64Size - 12);
  }
  at = offset;
  const End large = LargeEnd(&file[offset]);
  CompareEnds(small, large, doubts);
  return large;
}

// Values of 0xffffffff in an entry stand in the ZIP64 extra field, in this fixed order. False where they don't.
bool ReadExtra(std::span<const std::byte> extra, ZipRecord& record, Findings& doubts) {
  size_t fields = 0, used = 0, length = 0;
  bool complete = true;
  const bool well_formed = ForEachExtra(extra, [&](uint16_t id, std::span<const std::byte> bytes) {
    if (id == kUnicodePathExtra) CheckUnicodePath(record.name, bytes, doubts);
    if (id != kZip64Extra || ++fields > 1) return;
    length = bytes.size();
    for (uint64_t* value : {&record.size, &record.compressed_size, &record.header_offset}) {
      if (*value != UINT32_MAX) continue;
      complete = complete && used + 8 <= bytes.size();
      if (!complete) return;
      *value = LoadLittle<uint64_t>(&bytes[used]);
      used += 8;
    }
  });
  if (!well_formed) doubts.Add("the extra fields of record {} in the directory do not add up", Printable(record.name));
  if (fields > 1) doubts.Add("record {} has {} ZIP64 fields in the directory", Printable(record.name), fields);
  if (length != used) {
    doubts.Add("the ZIP64 field of record {} in the directory has {} bytes, of which the entry calls for {}",
               Printable(record.name), length, used);
  }
  const bool needed = std::max({record.size, record.compressed_size, record.header_offset}) == UINT32_MAX;
  return complete && (fields > 0 || !needed);
}

}  // namespace

bool HasEndOfZipDirectory(std::span<const std::byte> file) { return FindEnd(file).has_value(); }

bool EndsAsZipArchive(std::span<const std::byte> file) {
  return HasEndOfZipDirectory(file) && Tail(file).find(std::string_view("PK\x01\x02", 4)) != std::string_view::npos;
}

Result<ZipDirectory> ReadZipDirectory(std::span<const std::byte> file, std::string_view file_name) {
  const std::optional<size_t> end_at = FindEnd(file);
  if (!end_at) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: is the beginning of a ZIP archive without its directory, which stands at the end ({} "
                             "bytes are here): an interrupted download or copy, or a full disk",
                             file_name, file.size()),
                 "Copy it again"};
  }
  ZipDirectory directory;
  Findings& doubts = directory.doubts;
  uint64_t directory_end = *end_at;
  const End end = ReadEnd(file, directory_end, doubts);
  const std::string_view tail = Tail(file);
  const size_t first = tail.find(kEndMark), last = tail.rfind(kEndMark);
  if (first != last) {
    doubts.Add(
        "more than one end record (PK\\5\\6) stands in the last {} bytes, the first at offset {}, the last at {}: "
        "readers disagree on which one counts",
        tail.size(), file.size() - tail.size() + first, file.size() - tail.size() + last);
  }
  if (end.disk != 0 || end.directory_disk != 0 || end.entries_here != end.entries) {
    doubts.Add("the end record speaks of a split archive: disk {}, directory on disk {}, {} of {} entries here",
               end.disk, end.directory_disk, end.entries_here, end.entries);
  }
  if (end.offset > file.size() || end.size > file.size() - end.offset || end.entries > end.size / kCentralSize) {
    return Error{
        ErrorCode::kCorrupt,
        fmt::format("{}: the ZIP directory should hold {} entries in {} bytes at offset {}, but the file has {} "
                    "bytes: it was cut, or joined from parts",
                    file_name, end.entries, end.size, end.offset, file.size()),
        "Copy it again"};
  }
  if (end.entries > kMaxEntries) {
    return Error{ErrorCode::kCorrupt, fmt::format("{}: the ZIP directory holds {} entries; this suite reads {}, a "
                                                  "hundred times more than any model has",
                                                  file_name, end.entries, kMaxEntries)};
  }
  if (end.offset + end.size != directory_end) {
    doubts.Add("the directory (bytes {} to {}) does not end where its end records begin, at offset {}", end.offset,
               end.offset + end.size, directory_end);
  }
  directory.offset = end.offset;
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
    if (const auto disk = LoadLittle<uint16_t>(entry + 34); disk != 0) {
      doubts.Add("record {} starts on disk {}", Printable(record.name), disk);
    }
    const bool is_folder = (LoadLittle<uint32_t>(entry + 38) & kFolderAttribute) != 0;
    if (is_folder && !record.name.ends_with('/')) {
      doubts.Add(
          "record {} is marked as a folder (external attributes in the directory), of which PyTorch reads no byte: its "
          "value is then whatever memory held before",
          Printable(record.name));
    }
    if (!ReadExtra({entry + kCentralSize + name_size, extra_size}, record, doubts)) {
      return damaged(fmt::format("record {}, lacks the ZIP64 sizes that it announces", Printable(record.name)));
    }
    if (record.name.ends_with('/') && record.size > 0) {
      doubts.Add("record {} is named as a folder and has {} bytes, of which PyTorch reads none", Printable(record.name),
                 record.size);
    }
    directory.records.push_back(std::move(record));
    at += total;
  }
  if (at != limit) {
    doubts.Add("the {} entries of the directory end at offset {}, the end record says {}", end.entries, at, limit);
  }
  return directory;
}

}  // namespace harness::archive
