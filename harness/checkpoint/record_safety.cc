#include "harness/checkpoint/record_safety.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "harness/archive/tar_header.h"
#include "harness/archive/zip_layout.h"
#include "harness/base/safe_text.h"
#include "harness/pickle/pickle_reader.h"
#include "harness/pickle/pickle_safety.h"

namespace harness::checkpoint {
namespace {

// Of all records that have no business here, together; what is beyond is never a record of torch.save's, and the
// checkpoint is refused for that.
constexpr uint64_t kMaxUnasked = uint64_t{64} << 20;
// What is deflated is not inflated just to see whether it is a pickle, unless it is named so.
constexpr uint64_t kMaxInflatedUnasked = uint64_t{1} << 20;

constexpr size_t kLegacyPickles = 5;

bool HasCalls(const pickle::Reading& reading) {
  if (reading.calls_behind && !reading.behind.empty()) return true;
  return std::any_of(reading.foreign.begin(), reading.foreign.end(),
                     [&](pickle::NodeId id) { return reading.pickle[id].kind == pickle::Node::Kind::kObject; });
}

}  // namespace

Status CheckTrailingPickles(std::span<const std::byte> bytes, size_t end, std::string_view place) {
  while (end < bytes.size()) {
    const std::span<const std::byte> rest = bytes.subspan(end);
    const pickle::Reading reading = pickle::ReadPickle(rest, place);
    const bool looks_like_one = reading.status.ok() || rest[0] == std::byte{0x80};
    if (!looks_like_one) return {};
    HARNESS_RETURN_IF_ERROR(
        pickle::DescribeForeign(reading, fmt::format("{}, the second pickle behind the first", place), end, false));
    if (!reading.status.ok()) return {};
    end += reading.end;
  }
  return {};
}

Status CheckOtherRecords(const archive::ZipArchive& archive, const std::unordered_set<size_t>& read,
                         std::string_view file_name) {
  uint64_t left = kMaxUnasked;
  for (size_t i = 0; i < archive.records().size(); ++i) {
    const archive::ZipRecord& record = archive.records()[i];
    if (read.contains(i) || !record.readable || record.size == 0) continue;
    const std::string name = archive::LowerAscii(record.name);
    const bool named_so = name.ends_with(".pkl") || name.ends_with(".pickle");
    if (record.size > left || (!named_so && record.deflated() && record.size > kMaxInflatedUnasked)) continue;
    if (record.deflated()) left -= record.size;
    const Result<archive::ZipBytes> read_once = archive.ReadOnce(i);
    if (!read_once.ok()) continue;
    const std::span<const std::byte> bytes = read_once->bytes;
    if (!named_so && bytes.front() != std::byte{0x80}) continue;
    if (!record.deflated()) left -= record.size;
    const std::string place = fmt::format("{}: record {}", file_name, Printable(record.name));
    const pickle::Reading reading = pickle::ReadPickle(bytes, place);
    HARNESS_RETURN_IF_ERROR(pickle::DescribeForeign(reading, place, 0, name.ends_with("/data.pkl")));
    if (reading.status.ok()) {
      HARNESS_RETURN_IF_ERROR(CheckTrailingPickles(bytes, reading.end, place));
    }
  }
  return {};
}

namespace {

Status CheckTar(std::span<const std::byte> file, std::string_view file_name) {
  constexpr size_t kBlock = 512, kNameSize = 100, kSizeAt = 124, kSizeSize = 12, kMaxMembers = 64;
  std::optional<Error> seen;
  uint64_t at = 0;
  for (size_t i = 0; i < kMaxMembers && at < file.size() && archive::IsTarHeader(file.subspan(at)); ++i) {
    const std::string_view header(reinterpret_cast<const char*>(&file[at]), kBlock);
    const std::optional<uint64_t> size = archive::ParseTarNumber(header.substr(kSizeAt, kSizeSize));
    at += kBlock;
    if (!size || *size > file.size() - at) break;
    const std::string name = Printable(header.substr(0, header.substr(0, kNameSize).find('\0')), 40);
    const std::string place = fmt::format("{}: member {} of the tar archive", file_name, name);
    const pickle::Reading reading = pickle::ReadPickle(file.subspan(at, std::min(*size, kMaxUnasked)), place);
    if (const Status unsafe = pickle::DescribeForeign(reading, place, at); !unsafe.ok() && !seen) {
      seen = unsafe.error();
    }
    at += (*size + kBlock - 1) / kBlock * kBlock;
  }
  return Error{
      ErrorCode::kUnsafe,
      fmt::format("{}: torch.load takes a tar archive for a checkpoint of before PyTorch 0.1.10 and unpickles its "
                  "members storages, tensors and pickle, which this suite does not follow{}{}",
                  file_name, seen ? ". Seen there: " : "", seen ? seen->message : ""),
      seen && !seen->remedy.empty() ? seen->remedy : "Do not load it"};
}

}  // namespace

Status CheckStrayPickles(std::span<const std::byte> file, std::string_view file_name) {
  if (archive::IsTarHeader(file)) return CheckTar(file, file_name);
  if (file.empty() || (file.size() > 1 && file[0] == std::byte{'P'} && file[1] == std::byte{'K'})) return {};
  // torch.load takes it for the legacy format: five pickles, each of which runs before the next is looked at.
  size_t at = 0;
  for (size_t more = kLegacyPickles; more-- > 0 && at < file.size();) {
    const pickle::Reading reading =
        pickle::ReadPickle(file.subspan(at), file_name, pickle::PersistentIds::kLegacy, more);
    if (HasCalls(reading)) return pickle::DescribeForeign(reading, file_name, at);
    if (!reading.status.ok()) break;
    at += reading.end;
  }
  return {};
}

}  // namespace harness::checkpoint
