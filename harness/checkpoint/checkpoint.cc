#include "harness/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <thread>
#include <unordered_set>

#include "harness/archive/file_kind.h"
#include "harness/archive/tar_header.h"
#include "harness/archive/zip_archive.h"
#include "harness/archive/zip_layout.h"
#include "harness/base/safe_text.h"
#include "harness/checkpoint/legacy_reader.h"
#include "harness/checkpoint/payload_layout.h"
#include "harness/checkpoint/record_safety.h"
#include "harness/pickle/pickle_reader.h"
#include "harness/pickle/pickle_safety.h"

namespace harness::checkpoint {
namespace {

constexpr int64_t kMinVersion = 1, kMaxVersion = 10;  // caffe2/serialize/versions.h
// The records that torch.save writes beside data.pkl and data/KEY, and TorchScript's; each of a few bytes.
constexpr std::array<std::string_view, 5> kSmallRecords = {"byteorder", "version", ".data/version", ".format_version",
                                                           ".storage_alignment"};
constexpr std::array<std::string_view, 3> kOtherRecords = {"data.pkl", "constants.pkl", ".data/serialization_id"};
constexpr uint64_t kMaxSmallRecord = 4096;
// Records that somebody put beside them, a README or .DS_Store: torch.load doesn't look at them.
constexpr uint64_t kMaxOtherRecords = uint64_t{64} << 10;
constexpr size_t kMaxPrefix = 1024;  // file names have 255 bytes
// No writer deflates a pickle of more; torch.save's own are stored, and the pickle reader has its limit.
constexpr uint64_t kMaxInflatedPickle = uint64_t{64} << 20;
// Weights deflate to half their size, float16 in float64 to a quarter.
constexpr uint64_t kInflatedPerByte = 8, kInflatedAtLeast = uint64_t{64} << 20;

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The record that torch.load finds by that name, in the very spelling where there is one.
std::optional<size_t> FindAsTorch(const archive::ZipArchive& archive, const std::string& name) {
  if (const std::optional<size_t> found = archive.Find(name)) return found;
  const std::string lower = archive::LowerAscii(name);
  for (size_t i = 0; i < archive.records().size(); ++i) {
    if (archive.records()[i].name.size() == name.size() && archive::LowerAscii(archive.records()[i].name) == lower)
      return i;
  }
  return std::nullopt;
}

}  // namespace

struct Checkpoint::Impl {
  MappedFile file;
  Format format = Format::kUnknown;
  Status structure, unambiguous, pickle_status, safety, storage, tensor;
  archive::Findings doubts;  // of the records and what is in them
  std::unique_ptr<archive::ZipArchive> archive;
  pickle::Reading reading;

  std::string name() const { return file.name(); }

  void Read(Payload deflated);
  void ReadZip(Payload deflated);
  void ReadLegacyStream();
  void Stop(const Status& why) { pickle_status = storage = tensor = why; }
  Status FindPrefix(std::string& prefix) const;
  Status CheckSmallRecords(const std::string& prefix) const;
  // The bytes of a record that is small where torch.save wrote it.
  Result<std::string> ReadSmallRecord(size_t record) const;
  void CheckSpelling(const std::string& prefix);
  void CheckUnnamed(const std::string& prefix, const std::unordered_set<size_t>& named);
  void Conclude();
  Status InflateStorages();
  // Storages and tensors, once the pickle was read.
  void PlaceStorages(const std::vector<StoragePlace>& places);
};

void Checkpoint::Impl::Read(Payload deflated) {
  const archive::FileKind kind = archive::SniffFileKind(file.bytes());
  switch (kind) {
    case archive::FileKind::kTorchZip:
    case archive::FileKind::kDamagedZip: return ReadZip(deflated);
    case archive::FileKind::kTorchLegacy: return ReadLegacyStream();
    default: break;
  }
  const bool supported = kind != archive::FileKind::kTorchTar;
  const archive::FileDescription description =
      archive::DescribeFileKind(kind, file.bytes(), "audiocraft.utils.export", false);
  structure = Error{supported ? ErrorCode::kCorrupt : ErrorCode::kUnsupported,
                    fmt::format("{} {}", name(), description.what), description.remedy};
  Stop(structure);
}

// All records lie in one folder, named as the first one says: the loader refuses anything else.
Status Checkpoint::Impl::FindPrefix(std::string& prefix) const {
  const std::vector<archive::ZipRecord>& records = archive->records();
  const std::string& first = records.front().name;
  const size_t slash = first.find('/');
  prefix = slash == std::string::npos ? "" : first.substr(0, slash + 1);
  for (const archive::ZipRecord& record : records) {
    if (!prefix.empty() && record.name.starts_with(prefix)) continue;
    const std::string where = prefix.empty() ? "a folder" : fmt::format("the folder {}", Printable(prefix));
    return Error{
        ErrorCode::kCorrupt,
        fmt::format("{}: record {} is not inside {}: torch.load wants every record in the folder of the first one. "
                    "The archive was packed again from inside the folder, or something was added to it",
                    name(), Printable(record.name), where)};
  }
  return {};
}

// The small records that torch.load refuses to go on without.
Status Checkpoint::Impl::CheckSmallRecords(const std::string& prefix) const {
  std::optional<size_t> version = archive->Find(prefix + ".data/version");
  if (!version) version = archive->Find(prefix + "version");
  if (!version) {
    return Error{ErrorCode::kCorrupt, fmt::format("{}: has no record {}version, without which torch.load fails: the "
                                                  "archive was packed again without it",
                                                  name(), Printable(prefix))};
  }
  HARNESS_ASSIGN_OR_RETURN(const std::string text, ReadSmallRecord(*version));
  int64_t number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc()) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: record version is '{}', not a number", name(), Printable(text, 40))};
  }
  if (number < kMinVersion || number > kMaxVersion) {
    return Error{ErrorCode::kCorrupt, fmt::format("{}: the archive has version {} (PyTorch reads {} to {})", name(),
                                                  number, kMinVersion, kMaxVersion)};
  }
  if (const std::optional<size_t> order = archive->Find(prefix + "byteorder")) {
    HARNESS_ASSIGN_OR_RETURN(const std::string name_of_order, ReadSmallRecord(*order));
    if (name_of_order == "big") {
      return Error{
          ErrorCode::kMismatch,
          fmt::format("{}: record byteorder is 'big' (expected 'little'): PyTorch swaps the bytes of every weight, and "
                      "this suite does not follow it. audiocraft exports on little-endian machines, where that was "
                      "changed by hand",
                      name()),
          "Export it again"};
    }
    if (name_of_order != "little") {
      return Error{ErrorCode::kCorrupt, fmt::format("{}: record byteorder is '{}', neither 'little' nor 'big'", name(),
                                                    Printable(name_of_order, 40))};
    }
  }
  return {};
}

Result<std::string> Checkpoint::Impl::ReadSmallRecord(size_t record) const {
  const archive::ZipRecord& found = archive->records()[record];
  if (found.size > kMaxSmallRecord) {
    return Error{ErrorCode::kCorrupt, fmt::format("{}: record {} has {} bytes, where torch.save writes a few", name(),
                                                  Printable(found.name), found.size)};
  }
  HARNESS_ASSIGN_OR_RETURN(const archive::ZipBytes read, archive->ReadOnce(record));
  return std::string(AsText(read.bytes));
}

// torch.load finds a record whatever the case of its letters, and this suite and other readers by its very name.
void Checkpoint::Impl::CheckSpelling(const std::string& prefix) {
  const auto known = [](std::string_view inner) {
    return std::find(kSmallRecords.begin(), kSmallRecords.end(), inner) != kSmallRecords.end() ||
           std::find(kOtherRecords.begin(), kOtherRecords.end(), inner) != kOtherRecords.end();
  };
  for (const archive::ZipRecord& record : archive->records()) {
    if (!record.name.starts_with(prefix)) continue;
    const std::string inner = record.name.substr(prefix.size());
    const std::string lower = archive::LowerAscii(inner);
    if ((known(lower) && inner != lower) || (lower.starts_with("data/") && !inner.starts_with("data/"))) {
      doubts.Add("record {} is spelled in another way than torch.save spells it ({}): PyTorch takes one for the other",
                 Printable(record.name), Printable(lower, 40));
    }
    if (record.name.ends_with('/') && record.size != 0) {
      doubts.Add("record {} is a folder, and has {} bytes", Printable(record.name), record.size);
    }
  }
  if (archive->Find(prefix + "version") && archive->Find(prefix + ".data/version")) {
    doubts.Add("both records version and .data/version are there, of which a writer writes one");
  }
}

// What the pickle doesn't name. torch.save writes nothing but the records that it reads again.
void Checkpoint::Impl::CheckUnnamed(const std::string& prefix, const std::unordered_set<size_t>& named) {
  uint64_t others = 0;
  for (size_t i = 0; i < archive->records().size(); ++i) {
    const archive::ZipRecord& record = archive->records()[i];
    if (named.contains(i) || record.name.ends_with('/')) continue;
    const std::string_view inner = std::string_view(record.name).substr(std::min(prefix.size(), record.name.size()));
    if (inner.starts_with("data/")) {
      doubts.Add("record {} ({} bytes at offset {}) is a storage that the pickle does not name", Printable(record.name),
                 record.size, record.header_offset);
    } else if (std::find(kSmallRecords.begin(), kSmallRecords.end(), inner) != kSmallRecords.end() ||
               inner == ".data/serialization_id") {
      if (record.size > kMaxSmallRecord) {
        doubts.Add("record {} has {} bytes, where torch.save writes a few", Printable(record.name), record.size);
      }
    } else if (__builtin_add_overflow(others, record.size, &others) || others > kMaxOtherRecords) {
      doubts.Add("record {} ({} bytes at offset {}) is none that torch.save writes", Printable(record.name),
                 record.size, record.header_offset);
      others = 0;
    }
  }
}

void Checkpoint::Impl::Conclude() {
  archive::Findings all;
  if (archive) all.Append(archive->doubts());
  all.Append(doubts);
  if (all.empty()) return;
  unambiguous =
      Error{ErrorCode::kUnsafe,
            fmt::format(
                "{}: two readers may see two files in it: {}. No torch.save and no archiver writes that: the file was "
                "put together so that a check of it sees one thing and a program that loads it another, or it was "
                "damaged",
                name(), all.Text()),
            "Do not load it. Get it again from where it was exported, or export it again"};
}

void Checkpoint::Impl::ReadZip(Payload deflated) {
  format = Format::kZip;
  Result<std::unique_ptr<archive::ZipArchive>> opened = archive::ZipArchive::Open(file.bytes(), name());
  if (!opened.ok()) {
    structure = opened.error();
    return Stop(structure);
  }
  archive = std::move(opened).value();
  structure = archive->status();
  if (archive::IsTarHeader(file.bytes())) doubts.Add("it is a tar archive as well, by the checksum at offset 148");
  std::string prefix;
  const Status prefix_status = FindPrefix(prefix);
  if (structure.ok()) structure = prefix_status;
  if (structure.ok()) structure = CheckSmallRecords(prefix);
  CheckSpelling(prefix);
  // A damaged archive's pickle is read all the same: the loader might get as far, and run it.
  const std::optional<size_t> data = FindAsTorch(*archive, prefix + "data.pkl");
  std::unordered_set<size_t> read;
  const auto stop = [&](const Status& why) {
    if (safety.ok()) safety = CheckOtherRecords(*archive, read, name());
    if (structure.ok()) structure = why;
    Stop(structure);
  };
  if (!data) {
    return stop(Error{ErrorCode::kCorrupt, fmt::format("{}: has no record {}data.pkl", name(), Printable(prefix))});
  }
  read.insert(*data);
  if (const archive::ZipRecord& record = archive->records()[*data];
      record.deflated() && record.size > kMaxInflatedPickle) {
    return stop(
        Error{ErrorCode::kCorrupt,
              fmt::format("{}: record {} has {} deflated bytes at offset {}, which would become {}; this suite "
                          "inflates {}, a hundred times the pickle of any model. What it holds can't be followed, and "
                          "may run when the file is loaded",
                          name(), Printable(record.name), record.compressed_size, record.data_offset, record.size,
                          kMaxInflatedPickle),
              "Do not load it. Export it again"});
  }
  const Result<std::span<const std::byte>> bytes = archive->Read(*data);
  if (!bytes.ok()) return stop(bytes.error());
  const std::string place = name() + ": data.pkl";
  reading = pickle::ReadPickle(*bytes, place);
  safety = pickle::DescribeForeign(reading, place);
  if (!reading.status.ok()) {
    if (safety.ok()) safety = CheckOtherRecords(*archive, read, name());
    return Stop(reading.status);
  }
  if (safety.ok()) safety = CheckTrailingPickles(*bytes, reading.end, place);
  if (prefix.size() > kMaxPrefix) {
    return stop(
        Error{ErrorCode::kCorrupt, fmt::format("{}: the records' folder has a name of {} bytes (expected {} at most)",
                                               name(), prefix.size(), kMaxPrefix)});
  }

  std::vector<StoragePlace> places(reading.storages.size());
  for (size_t i = 0; i < places.size(); ++i) {
    pickle::Storage& named = reading.storages[i];
    named.record = fmt::format("{}data/{}", prefix, named.key);
    const std::optional<size_t> index = archive->Find(named.record);
    if (!index || !archive->records()[*index].readable) continue;
    const archive::ZipRecord& record = archive->records()[*index];
    named.record_index = *index;
    read.insert(*index);
    named.file_offset = record.data_offset;
    places[i] = {true, record.size};
    if (!record.deflated()) named.bytes = file.bytes().subspan(record.data_offset, record.size);
  }
  if (safety.ok()) safety = CheckOtherRecords(*archive, read, name());
  // A pickle that would run is named by that, once.
  if (safety.ok()) {
    if (reading.end != bytes->size()) {
      doubts.Add("{} bytes stand behind the end of data.pkl's pickle, at offset {} of the record",
                 bytes->size() - reading.end, reading.end);
    }
    if (structure.ok()) CheckUnnamed(prefix, read);
  }
  PlaceStorages(places);
  if (deflated == Payload::kLater) return;
  const Status inflated = InflateStorages();
  if (storage.ok()) storage = inflated;
}

Status Checkpoint::Impl::InflateStorages() {
  std::vector<size_t> todo;
  for (size_t i = 0; i < reading.storages.size(); ++i) {
    const pickle::Storage& candidate = reading.storages[i];
    if (candidate.available && candidate.record_index != SIZE_MAX &&
        archive->records()[candidate.record_index].deflated()) {
      todo.push_back(i);
    }
  }
  if (todo.empty()) return {};
  uint64_t total = 0;
  for (const size_t i : todo) {
    if (__builtin_add_overflow(total, archive->records()[reading.storages[i].record_index].size, &total)) {
      total = UINT64_MAX;
    }
  }
  if (total > kInflatedAtLeast && total / kInflatedPerByte > file.bytes().size()) {
    for (const size_t i : todo) reading.storages[i].available = false;
    for (pickle::TensorView& view : reading.tensors) view.valid = false;
    return Error{
        ErrorCode::kCorrupt,
        fmt::format("{}: {} deflated storages would become {} bytes, more than {} times the file's {}: no trained "
                    "weights deflate so far, and this suite does not inflate them",
                    name(), todo.size(), total, kInflatedPerByte, file.bytes().size()),
        "Export the model again"};
  }
  std::vector<Status> statuses(todo.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i; (i = next++) < todo.size();) {
      pickle::Storage& target = reading.storages[todo[i]];
      Result<std::span<const std::byte>> bytes = archive->Read(target.record_index);
      if (bytes.ok()) {
        target.bytes = *bytes;
      } else {
        target.available = false;
        statuses[i] = bytes.error();
      }
    }
  };
  {
    std::vector<std::jthread> threads(std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 8) - 1);
    for (std::jthread& thread : threads) thread = std::jthread(work);
    work();
  }
  for (pickle::TensorView& view : reading.tensors) view.valid = view.valid && reading.storages[view.storage].available;
  for (Status& status : statuses) HARNESS_RETURN_IF_ERROR(std::move(status));
  return {};
}

void Checkpoint::Impl::ReadLegacyStream() {
  format = Format::kLegacy;
  LegacyReading legacy = ReadLegacy(file.bytes(), name());
  structure = std::move(legacy.structure);
  safety = std::move(legacy.safety);
  doubts = std::move(legacy.doubts);
  reading = std::move(legacy.object);
  if (!reading.status.ok()) return Stop(reading.status);
  if (reading.pickle.root == pickle::kNoNode) return Stop(structure);  // not reached
  PlaceStorages(legacy.places);
}

void Checkpoint::Impl::PlaceStorages(const std::vector<StoragePlace>& places) {
  pickle_status = {};
  storage = CheckStorages(reading, places, name());
  tensor = CheckTensors(reading, name());
}

Checkpoint Checkpoint::Read(MappedFile file, Payload deflated) {
  auto impl = std::make_unique<Impl>();
  impl->file = std::move(file);
  impl->Read(deflated);
  impl->Conclude();
  // What is left of a pickle that broke off served to judge its safety only.
  if (!impl->pickle_status.ok()) impl->reading = {};
  return Checkpoint(std::move(impl));
}

Checkpoint::Checkpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

const MappedFile& Checkpoint::file() const { return impl_->file; }
Checkpoint::Format Checkpoint::format() const { return impl_->format; }
const Status& Checkpoint::structure_status() const { return impl_->structure; }
const Status& Checkpoint::unambiguous_status() const { return impl_->unambiguous; }
const Status& Checkpoint::pickle_status() const { return impl_->pickle_status; }
const Status& Checkpoint::safety_status() const { return impl_->safety; }
const Status& Checkpoint::storage_status() const { return impl_->storage; }
const Status& Checkpoint::tensor_status() const { return impl_->tensor; }
const archive::ZipArchive* Checkpoint::archive() const { return impl_->archive.get(); }
const pickle::Pickle& Checkpoint::pickle() const { return impl_->reading.pickle; }
const std::vector<pickle::Storage>& Checkpoint::storages() const { return impl_->reading.storages; }
const std::vector<pickle::TensorView>& Checkpoint::tensors() const { return impl_->reading.tensors; }

}  // namespace harness::checkpoint
