#include "harness/checkpoint/legacy_reader.h"

#include <fmt/format.h>

#include <unordered_map>

#include "harness/archive/tar_header.h"
#include "harness/archive/zip_archive.h"
#include "harness/base/little_endian.h"
#include "harness/base/safe_text.h"
#include "harness/pickle/pickle_reader.h"
#include "harness/pickle/pickle_safety.h"

namespace harness::checkpoint {
namespace {

using Kind = pickle::Node::Kind;

constexpr std::string_view kMagicHex = "0x1950a86a20f9469cfc6c";
constexpr std::string_view kMagicDecimal = "119547037146038801333356";
constexpr int64_t kProtocol = 1001;
constexpr size_t kPickles = 5;
// Two dicts with six keys and six values.
constexpr size_t kSystemNodes = 14;

class LegacyReader {
 public:
  LegacyReader(std::span<const std::byte> file, const std::string& file_name) : file_(file), file_name_(file_name) {}

  LegacyReading Run() {
    if (archive::IsTarHeader(file_)) {
      result_.doubts.Add(
          "it is a tar archive as well, by the checksum at offset 148: torch.load takes it for that, and unpickles its "
          "member storages");
    }
    if (archive::EndsAsZipArchive(file_)) {
      result_.doubts.Add("it is a ZIP archive as well, whose directory stands at its end");
    }
    result_.structure = Structure();
    result_.places.resize(result_.object.storages.size());
    return std::move(result_);
  }

 private:
  Error Corrupt(std::string_view what, std::string remedy = {}) const {
    return {ErrorCode::kCorrupt, fmt::format("{}: {}", file_name_, what), std::move(remedy)};
  }

  // The next pickle of the stream. The first unsafe one decides on safety.
  pickle::Reading Next(std::string_view name) {
    const std::string place = fmt::format("{}: {} at offset {}", file_name_, name, at_);
    pickle::Reading reading =
        pickle::ReadPickle(file_.subspan(at_), place, pickle::PersistentIds::kLegacy, --pickles_left_);
    Status safety = pickle::DescribeForeign(reading, fmt::format("{}: {}", file_name_, name), at_);
    if (result_.safety.ok()) result_.safety = std::move(safety);
    at_ += reading.end;
    return reading;
  }

  Status Structure() {
    const pickle::Reading magic = Next("the magic number");
    HARNESS_RETURN_IF_ERROR(magic.status);
    const pickle::Node& number = *magic.pickle.Root();
    if (number.kind != Kind::kBigInt || (number.text != kMagicHex && number.text != kMagicDecimal)) {
      return Corrupt(fmt::format("the first pickle is {}, not the magic number of torch.save",
                                 magic.pickle.Describe(magic.pickle.root, 60)));
    }
    CheckNodes(magic, "the magic number", 1);
    const pickle::Reading protocol = Next("the protocol version");
    HARNESS_RETURN_IF_ERROR(ExplainPickle(protocol.status));
    if (protocol.pickle.Root()->kind != Kind::kInt || protocol.pickle.Root()->integer != kProtocol) {
      return Corrupt(fmt::format("has protocol version {} (expected {})",
                                 protocol.pickle.Describe(protocol.pickle.root, 60), kProtocol));
    }
    CheckNodes(protocol, "the protocol version", 1);
    const pickle::Reading system = Next("the system information");
    HARNESS_RETURN_IF_ERROR(ExplainPickle(system.status));
    CheckNodes(system, "the system information", kSystemNodes);
    const pickle::NodeId little = system.pickle.Find(system.pickle.root, "little_endian");
    if (little != pickle::kNoNode && system.pickle[little].kind == Kind::kBool && !system.pickle[little].boolean) {
      return Error{
          ErrorCode::kMismatch,
          fmt::format("{}: says that it was written on a big-endian machine, of which torch.load takes no notice",
                      file_name_),
          "Export it again on a little-endian machine"};
    }
    result_.object = Next("the object");
    // Its own status says what is wrong; behind a broken pickle nothing can be found.
    if (!result_.object.status.ok()) return {};
    return Storages();
  }

  Status Storages() {
    pickle::Reading& object = result_.object;
    result_.places.resize(object.storages.size());
    std::unordered_map<std::string_view, size_t> by_key;
    for (size_t i = 0; i < object.storages.size(); ++i) {
      object.storages[i].record = fmt::format("storage {}", Printable(object.storages[i].key, 60));
      by_key.emplace(object.storages[i].key, i);
    }
    const pickle::Reading keys = Next("the list of storages");
    HARNESS_RETURN_IF_ERROR(ExplainPickle(keys.status));
    const pickle::Node& list = *keys.pickle.Root();
    if (list.kind != Kind::kList) return Corrupt("the list of storages is not a list");
    CheckNodes(keys, "the list of storages", list.items.size() + 1);
    for (size_t i = 0; i < list.items.size(); ++i) {
      const pickle::Node& key = keys.pickle[list.items[i]];
      if (key.kind != Kind::kString) {
        return Corrupt(
            fmt::format("lists {} as a storage, which is not text", keys.pickle.Describe(list.items[i], 60)));
      }
      const std::string& text = key.text;
      const auto found = by_key.find(text);
      if (found == by_key.end()) {
        return Corrupt(fmt::format("lists storage '{}', which the object does not name", Printable(text, 60)));
      }
      pickle::Storage& storage = object.storages[found->second];
      StoragePlace& place = result_.places[found->second];
      if (place.found) return Corrupt(fmt::format("lists storage '{}' twice", Printable(text, 60)));
      if (file_.size() - at_ < 8) return Cut(i, list.items.size(), storage, 8);
      const auto num_elements = LoadLittle<int64_t>(&file_[at_]);
      at_ += 8;
      uint64_t size = 0;
      if (num_elements < 0 || __builtin_mul_overflow(static_cast<uint64_t>(num_elements),
                                                     pickle::CountElementBytes(storage.dtype), &size)) {
        return Corrupt(
            fmt::format("{} at offset {} says that it has {} elements", storage.record, at_ - 8, num_elements));
      }
      if (size > file_.size() - at_) return Cut(i, list.items.size(), storage, size);
      storage.file_offset = at_;
      storage.bytes = file_.subspan(at_, size);
      place = {true, size};
      at_ += size;
    }
    if (at_ != file_.size()) {
      result_.doubts.Add("{} bytes stand behind the last storage, at offset {}", file_.size() - at_, at_);
    }
    return {};
  }

  static Status ExplainPickle(const Status& status) {
    if (status.ok() || status.error().code != ErrorCode::kCorrupt) return status;
    Error error = status.error();
    error.message += ". torch.save writes no such pickle there: the file was put together by hand, or damaged";
    error.remedy = "Do not load it. Copy it again from where it was exported, or export it again";
    return error;
  }

  // torch.save pickles these four values and nothing that is made and dropped on the way.
  void CheckNodes(const pickle::Reading& reading, std::string_view name, size_t most) {
    if (reading.pickle.nodes.size() <= most || !result_.safety.ok()) return;
    result_.doubts.Add("{} is pickled by way of {} values (expected {} at most)", name, reading.pickle.nodes.size(),
                       most);
  }

  Error Cut(size_t index, size_t count, const pickle::Storage& storage, uint64_t needed) const {
    return Corrupt(
        fmt::format("ends inside {} (number {} of {}): {} bytes are needed at offset {}, and {} are left: an "
                    "interrupted download or copy",
                    storage.record, index + 1, count, needed, at_, file_.size() - at_),
        "Copy it again");
  }

  const std::span<const std::byte> file_;
  const std::string& file_name_;
  size_t at_ = 0;
  size_t pickles_left_ = kPickles;
  LegacyReading result_;
};

}  // namespace

LegacyReading ReadLegacy(std::span<const std::byte> file, const std::string& file_name) {
  return LegacyReader(file, file_name).Run();
}

}  // namespace harness::checkpoint
