#include "harness/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <thread>
#include <unordered_set>

#include "harness/checkpoint/file_kind.h"
#include "harness/checkpoint/legacy_reader.h"
#include "harness/checkpoint/payload_layout.h"
#include "harness/checkpoint/pickle_reader.h"
#include "harness/checkpoint/printable.h"
#include "harness/checkpoint/record_safety.h"
#include "harness/checkpoint/zip_archive.h"

namespace harness {
namespace {

constexpr int64_t kMinVersion = 1, kMaxVersion = 10;  // caffe2/serialize/versions.h

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

int64_t TensorView::num_elements() const {
  int64_t product = 1;
  for (const int64_t size : shape) {
    if (size == 0) return 0;
    if (__builtin_mul_overflow(product, size, &product)) product = INT64_MAX;  // valid tensors don't get here
  }
  return product;
}

bool TensorView::is_contiguous() const {
  if (num_elements() == 0) return true;
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    if (strides[i] != expected || __builtin_mul_overflow(expected, shape[i], &expected)) return false;
  }
  return true;
}

struct Checkpoint::Impl {
  MappedFile file;
  Format format = Format::kUnknown;
  Status structure, pickle_status, safety, storage, tensor;
  std::unique_ptr<ZipArchive> archive;
  PickleReading reading;

  std::string name() const { return file.name(); }

  void Read(Payload deflated);
  void ReadZip(Payload deflated);
  void ReadLegacyStream();
  void Stop(const Status& why) { pickle_status = storage = tensor = why; }
  Status Prefix(std::string& prefix) const;
  Status Small(const std::string& prefix) const;
  Status InflateStorages();
  // Storages and tensors, once the pickle was read.
  void Layout(const std::vector<StoragePlace>& places);
};

void Checkpoint::Impl::Read(Payload deflated) {
  const FileKind kind = SniffFileKind(file.bytes());
  switch (kind) {
    case FileKind::kTorchZip:
    case FileKind::kDamagedZip: return ReadZip(deflated);
    case FileKind::kTorchLegacy: return ReadLegacyStream();
    default: break;
  }
  const bool supported = kind != FileKind::kTorchTar;
  structure =
      Error{supported ? ErrorCode::kCorrupt : ErrorCode::kUnsupported,
            fmt::format("{} {}", name(), DescribeFileKind(kind, file.bytes(), "audiocraft.utils.export", false))};
  Stop(structure);
}

// All records lie in one folder, named as the first one says: the loader refuses anything else.
Status Checkpoint::Impl::Prefix(std::string& prefix) const {
  const std::vector<ZipRecord>& records = archive->records();
  const std::string& first = records.front().name;
  const size_t slash = first.find('/');
  prefix = slash == std::string::npos ? "" : first.substr(0, slash + 1);
  for (const ZipRecord& record : records) {
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
Status Checkpoint::Impl::Small(const std::string& prefix) const {
  std::optional<size_t> version = archive->Find(prefix + ".data/version");
  if (!version) version = archive->Find(prefix + "version");
  if (!version) {
    return Error{ErrorCode::kCorrupt, fmt::format("{}: has no record {}version, without which torch.load fails: the "
                                                  "archive was packed again without it",
                                                  name(), Printable(prefix))};
  }
  ASSIGN_OR_RETURN(const std::span<const std::byte> version_bytes, archive->Read(*version));
  const std::string_view text = AsText(version_bytes);
  int64_t number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc()) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: record version is '{}', no number", name(), Printable(text, 40))};
  }
  if (number < kMinVersion || number > kMaxVersion) {
    return Error{ErrorCode::kCorrupt, fmt::format("{}: archive version {}; PyTorch reads {} to {}", name(), number,
                                                  kMinVersion, kMaxVersion)};
  }
  if (const std::optional<size_t> order = archive->Find(prefix + "byteorder")) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> order_bytes, archive->Read(*order));
    if (AsText(order_bytes) == "big") {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{}: was written on a big-endian machine, whose weights this suite "
                               "does not swap. Save it again on a little-endian one",
                               name())};
    }
    if (AsText(order_bytes) != "little") {
      return Error{ErrorCode::kCorrupt, fmt::format("{}: record byteorder is '{}', neither 'little' nor 'big'", name(),
                                                    Printable(AsText(order_bytes), 40))};
    }
  }
  return {};
}

void Checkpoint::Impl::ReadZip(Payload deflated) {
  format = Format::kZip;
  Result<std::unique_ptr<ZipArchive>> opened = ZipArchive::Open(file.bytes(), name());
  if (!opened.ok()) {
    structure = opened.error();
    return Stop(structure);
  }
  archive = std::move(opened).value();
  structure = archive->status();
  std::string prefix;
  const Status prefix_status = Prefix(prefix);
  if (structure.ok()) structure = prefix_status;
  if (structure.ok()) structure = Small(prefix);
  // A damaged archive's pickle is read all the same: the loader might get as far, and run it.
  const std::optional<size_t> data = archive->Find(prefix + "data.pkl");
  std::unordered_set<size_t> read;
  const auto judge_other_records = [&] {
    if (safety.ok()) safety = RecordSafety(*archive, read, name());
  };
  if (!data) {
    judge_other_records();
    if (structure.ok()) {
      structure = Error{ErrorCode::kCorrupt, fmt::format("{}: has no record {}data.pkl", name(), Printable(prefix))};
    }
    return Stop(structure);
  }
  const Result<std::span<const std::byte>> bytes = archive->Read(*data);
  if (!bytes.ok()) {
    judge_other_records();
    if (structure.ok()) structure = bytes.error();
    return Stop(structure);
  }
  read.insert(*data);
  const std::string place = name() + ": data.pkl";
  reading = ReadPickle(*bytes, place);
  safety = DescribeForeign(reading, place);
  if (!reading.status.ok()) {
    judge_other_records();
    return Stop(reading.status);
  }
  if (safety.ok()) safety = TrailingSafety(*bytes, reading.end, place);

  std::vector<StoragePlace> places(reading.storages.size());
  for (size_t i = 0; i < places.size(); ++i) {
    Storage& named = reading.storages[i];
    named.record = fmt::format("{}data/{}", prefix, named.key);
    const std::optional<size_t> index = archive->Find(named.record);
    if (!index || !archive->records()[*index].readable) continue;
    const ZipRecord& record = archive->records()[*index];
    named.record_index = *index;
    read.insert(*index);
    named.file_offset = record.data_offset;
    places[i] = {true, record.size};
    if (!record.deflated()) named.bytes = file.bytes().subspan(record.data_offset, record.size);
  }
  judge_other_records();
  Layout(places);
  if (deflated == Payload::kLater) return;
  const Status inflated = InflateStorages();
  if (storage.ok()) storage = inflated;
}

Status Checkpoint::Impl::InflateStorages() {
  std::vector<size_t> todo;
  for (size_t i = 0; i < reading.storages.size(); ++i) {
    const Storage& candidate = reading.storages[i];
    if (candidate.available && candidate.record_index != SIZE_MAX &&
        archive->records()[candidate.record_index].deflated()) {
      todo.push_back(i);
    }
  }
  if (todo.empty()) return {};
  std::vector<Status> statuses(todo.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i; (i = next++) < todo.size();) {
      Storage& target = reading.storages[todo[i]];
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
  for (TensorView& view : reading.tensors) view.valid = view.valid && reading.storages[view.storage].available;
  for (Status& status : statuses) RETURN_IF_ERROR(std::move(status));
  return {};
}

void Checkpoint::Impl::ReadLegacyStream() {
  format = Format::kLegacy;
  LegacyReading legacy = ReadLegacy(file.bytes(), name());
  structure = std::move(legacy.structure);
  safety = std::move(legacy.safety);
  reading = std::move(legacy.object);
  if (!reading.status.ok()) return Stop(reading.status);
  if (reading.pickle.root == kNoNode) return Stop(structure);  // not reached
  Layout(legacy.places);
}

void Checkpoint::Impl::Layout(const std::vector<StoragePlace>& places) {
  pickle_status = {};
  storage = CheckStorages(reading, places, name());
  tensor = CheckTensors(reading, name());
}

Checkpoint Checkpoint::Read(MappedFile file, Payload deflated) {
  auto impl = std::make_unique<Impl>();
  impl->file = std::move(file);
  impl->Read(deflated);
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
const Status& Checkpoint::pickle_status() const { return impl_->pickle_status; }
const Status& Checkpoint::safety_status() const { return impl_->safety; }
const Status& Checkpoint::storage_status() const { return impl_->storage; }
const Status& Checkpoint::tensor_status() const { return impl_->tensor; }
const ZipArchive* Checkpoint::archive() const { return impl_->archive.get(); }
const Pickle& Checkpoint::pickle() const { return impl_->reading.pickle; }
const std::vector<Storage>& Checkpoint::storages() const { return impl_->reading.storages; }
const std::vector<TensorView>& Checkpoint::tensors() const { return impl_->reading.tensors; }

}  // namespace harness
