#include "harness/archive/zip_layout.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <vector>

#include "harness/archive/zip_extra.h"
#include "harness/base/little_endian.h"
#include "harness/base/safe_text.h"

namespace harness::archive {
namespace {

constexpr uint16_t kDescriptorFlag = 8;
constexpr std::string_view kDescriptorMark("PK\x07\x08", 4);

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What another reader makes another name of; nothing where the name means one thing to every reader.
std::optional<std::string_view> FindBadPart(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.find('\0') != std::string_view::npos) return "holds a NUL, where some readers end it";
  if (name.find('\\') != std::string_view::npos) return "holds a backslash, which some readers turn into a slash";
  if (name.front() == '/') return "starts with a slash";
  for (size_t at = 0; at < name.size();) {
    const size_t end = std::min(name.find('/', at), name.size());
    const std::string_view part = name.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") return "has an empty part, '.' or '..' in it";
    at = end + 1;
  }
  return std::nullopt;
}

class Layout {
 public:
  Layout(std::span<const std::byte> file, ZipDirectory& directory)
      : file_(file), directory_(directory), doubts_(directory.doubts) {}

  void Check() {
    const std::vector<ZipRecord>& records = directory_.records;
    std::vector<size_t> order(records.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return records[a].header_offset < records[b].header_offset; });
    if (const uint64_t first = records.empty() ? directory_.offset : records[order[0]].header_offset; first != 0) {
      doubts_.Add("{} bytes stand in front of the first record", first);
    }
    for (size_t i = 0; i < order.size(); ++i) {
      const ZipRecord& record = records[order[i]];
      const uint64_t end = record.data_offset + record.compressed_size;
      const uint64_t next = i + 1 < order.size() ? records[order[i + 1]].header_offset : directory_.offset;
      CheckHeader(record);
      CheckBehind(record, end, file_.subspan(end, next - end));
    }
  }

 private:
  // The local header says what the directory says, or leaves it to the descriptor.
  void CheckHeader(const ZipRecord& record) {
    const std::byte* header = &file_[record.header_offset];
    const std::string name = Printable(record.name);
    const auto flags = LoadLittle<uint16_t>(header + 6);
    if (flags != record.flags) {
      doubts_.Add("record {} has flags {:#06x} in the directory and {:#06x} in its local header at offset {}", name,
                  record.flags, flags, record.header_offset);
    }
    const bool later = (record.flags & kDescriptorFlag) != 0;
    const auto crc = LoadLittle<uint32_t>(header + 14);
    if (crc != record.crc && !(later && crc == 0)) {
      doubts_.Add("record {} has CRC-32 {:08x} in the directory and {:08x} in its local header at offset {}", name,
                  record.crc, crc, record.header_offset);
    }
    const auto compressed_size = LoadLittle<uint32_t>(header + 18), size = LoadLittle<uint32_t>(header + 22);
    const bool announced = compressed_size == UINT32_MAX || size == UINT32_MAX;
    const auto name_size = LoadLittle<uint16_t>(header + 26);
    const auto extra_size = LoadLittle<uint16_t>(header + 28);
    size_t zip64 = 0;
    const auto visit = [&](uint16_t id, std::span<const std::byte> bytes) {
      if (id == kUnicodePathExtra) CheckUnicodePath(record.name, bytes, doubts_);
      if (id == kPyTorchPaddingExtra && AsText(bytes).find_first_not_of('Z') != std::string_view::npos) {
        doubts_.Add(
            "the padding of record {} (extra field FB at offset {}) holds more than the letter Z that PyTorch "
            "writes",
            name, record.header_offset);
      }
      if (id != kZip64Extra) return;
      ++zip64;
      const bool ok = announced ? CheckAnnounced(bytes, size, compressed_size, record, later)
                                : IsAsMinizWrites(bytes, record, later);
      if (!ok) {
        doubts_.Add(
            "the ZIP64 field of record {} in its local header at offset {} does not hold its sizes, {} and {} "
            "bytes",
            name, record.header_offset, record.size, record.compressed_size);
      }
    };
    if (!ForEachExtra(file_.subspan(record.header_offset + kLocalHeaderSize + name_size, extra_size), visit)) {
      doubts_.Add("the extra fields of record {} at offset {} do not add up", name, record.header_offset);
    }
    if (zip64 > 1 || (announced && zip64 == 0)) {
      doubts_.Add("record {} has {} ZIP64 fields in its local header at offset {} (expected 1)", name, zip64,
                  record.header_offset);
    }
  }

  // Of a record beyond 4 GiB: its sizes where these are, and its offset where that is, which no reader looks at here.
  static bool IsAsMinizWrites(std::span<const std::byte> field, const ZipRecord& record, bool later) {
    const bool sizes = field.size() >= 16, offset = field.size() % 16 == 8;
    if (field.size() > 24 || field.size() % 8 != 0 || field.empty()) return false;
    const auto at = [&](size_t i) { return LoadLittle<uint64_t>(&field[8 * i]); };
    const auto agrees = [&](uint64_t found, uint64_t expected) { return found == expected || (later && found == 0); };
    return (!sizes || (agrees(at(0), record.size) && agrees(at(1), record.compressed_size))) &&
           (!offset || at(field.size() / 8 - 1) == record.header_offset);
  }

  // Sizes that are all ones in the header stand in the field, the inflated one first; 0 where they come later.
  static bool CheckAnnounced(std::span<const std::byte> field, uint32_t size, uint32_t compressed_size,
                             const ZipRecord& record, bool later) {
    size_t at = 0;
    for (const auto& [in_header, expected] :
         {std::pair(size, record.size), std::pair(compressed_size, record.compressed_size)}) {
      // Writers put both there as soon as one is too large.
      const bool both = field.size() >= 16;
      if (in_header != UINT32_MAX && !both) continue;
      if (at + 8 > field.size()) return false;
      const auto found = LoadLittle<uint64_t>(&field[at]);
      if (found != expected && !(later && found == 0)) return false;
      at += 8;
    }
    return true;
  }

  // Between a record's payload and the next thing is its descriptor, or nothing.
  void CheckBehind(const ZipRecord& record, uint64_t at, std::span<const std::byte> gap) {
    if ((record.flags & kDescriptorFlag) == 0) {
      if (!gap.empty())
        doubts_.Add("{} bytes at offset {}, behind record {}, belong to nothing", gap.size(), at,
                    Printable(record.name));
      return;
    }
    const bool marked = AsText(gap).starts_with(kDescriptorMark) && (gap.size() == 16 || gap.size() == 24);
    const std::span<const std::byte> descriptor = gap.subspan(marked ? 4 : 0);
    bool right = false;
    if (descriptor.size() == 12) {
      right = LoadLittle<uint32_t>(&descriptor[4]) == record.compressed_size &&
              LoadLittle<uint32_t>(&descriptor[8]) == record.size;
    } else if (descriptor.size() == 20) {
      right = LoadLittle<uint64_t>(&descriptor[4]) == record.compressed_size &&
              LoadLittle<uint64_t>(&descriptor[12]) == record.size;
    }
    if (right && LoadLittle<uint32_t>(&descriptor[0]) == record.crc) return;
    doubts_.Add(
        "behind record {}, at offset {}, its data descriptor should stand with CRC-32 {:08x} and sizes {} and {}, "
        "as the directory says; {} bytes are there that say something else",
        Printable(record.name), at, record.crc, record.compressed_size, record.size, gap.size());
  }

  const std::span<const std::byte> file_;
  const ZipDirectory& directory_;
  Findings& doubts_;
};

}  // namespace

std::string LowerAscii(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

void CheckZipNames(ZipDirectory& directory) {
  std::unordered_map<std::string, size_t> by_lower;
  for (size_t i = 0; i < directory.records.size(); ++i) {
    const std::string& name = directory.records[i].name;
    if (const auto why = FindBadPart(name)) {
      directory.doubts.Add("the name {} of entry {} in the directory {}", Printable(name), i + 1, *why);
    }
    const auto [it, added] = by_lower.try_emplace(LowerAscii(name), i);
    if (const std::string& other = directory.records[it->second].name; !added && other != name) {
      directory.doubts.Add(
          "records {} and {} differ by upper and lower case only: PyTorch looks names up without regard "
          "to case, so that either may be read for the other",
          Printable(other), Printable(name));
    }
  }
}

void CheckZipLayout(std::span<const std::byte> file, ZipDirectory& directory) { Layout(file, directory).Check(); }

}  // namespace harness::archive
