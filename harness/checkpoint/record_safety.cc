#include "harness/checkpoint/record_safety.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/checkpoint/pickle_reader.h"
#include "harness/checkpoint/printable.h"

namespace harness {
namespace {

// Of a record that has no business here; the pickle reader's own limit. What is deflated is not inflated just to see.
constexpr uint64_t kMaxRecordBytes = uint64_t{256} << 20, kMaxInflatedUnasked = uint64_t{1} << 20;

bool HasCalls(const PickleReading& reading) {
  return std::any_of(reading.foreign.begin(), reading.foreign.end(),
                     [&](NodeId id) { return reading.pickle[id].kind == PickleNode::Kind::kObject; });
}

}  // namespace

Status TrailingSafety(std::span<const std::byte> bytes, size_t end, std::string_view place) {
  while (end < bytes.size()) {
    const std::span<const std::byte> rest = bytes.subspan(end);
    const PickleReading reading = ReadPickle(rest, place);
    const bool looks_like_one = reading.status.ok() || rest[0] == std::byte{0x80};
    if (!looks_like_one) return {};
    RETURN_IF_ERROR(DescribeForeign(reading, fmt::format("{}, the second pickle behind the first", place), end, false));
    if (!reading.status.ok()) return {};
    end += reading.end;
  }
  return {};
}

Status RecordSafety(const ZipArchive& archive, const std::unordered_set<size_t>& read, std::string_view file_name) {
  for (size_t i = 0; i < archive.records().size(); ++i) {
    const ZipRecord& record = archive.records()[i];
    if (read.contains(i) || !record.readable || record.size == 0 || record.size > kMaxRecordBytes) continue;
    const bool named_so = record.name.ends_with(".pkl") || record.name.ends_with(".pickle");
    if (!named_so && record.deflated() && record.size > kMaxInflatedUnasked) continue;
    const Result<std::span<const std::byte>> bytes = archive.Read(i);
    if (!bytes.ok() || (!named_so && bytes->front() != std::byte{0x80})) continue;
    const std::string place = fmt::format("{}: record {}", file_name, Printable(record.name));
    const PickleReading reading = ReadPickle(*bytes, place);
    RETURN_IF_ERROR(DescribeForeign(reading, place, 0, record.name.ends_with("/data.pkl")));
    if (reading.status.ok()) {
      RETURN_IF_ERROR(TrailingSafety(*bytes, reading.end, place));
    }
  }
  return {};
}

Status StraySafety(std::span<const std::byte> file, std::string_view file_name) {
  if (file.empty() || (file.size() > 1 && file[0] == std::byte{'P'} && file[1] == std::byte{'K'})) return {};
  const PickleReading reading = ReadPickle(file, file_name);
  return HasCalls(reading) ? DescribeForeign(reading, file_name) : Status();
}

}  // namespace harness
