// This project's reader against LibTorch's own: an archive that the suite accepts is the same archive to both, with the
// same records and the same bytes wherever torch.load looks.
//
// Source: torch 2.1 and 2.11, torch/serialization.py (load, _load), caffe2/serialize/inline_container.cc.
#include <caffe2/serialize/inline_container.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "harness/archive/zip_archive.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/fuzz/fuzz_input.h"

using namespace harness;
using namespace harness::fuzz;

namespace {

class MemoryAdapter final : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit MemoryAdapter(std::string_view bytes) : bytes_(bytes) {}
  size_t size() const override { return bytes_.size(); }
  size_t read(uint64_t pos, void* buf, size_t n, const char*) const override {
    const std::string_view part = pos < bytes_.size() ? bytes_.substr(pos, n) : std::string_view();
    std::memcpy(buf, part.data(), part.size());
    return part.size();
  }

 private:
  std::string_view bytes_;
};

// How many inputs there were, and how many of them said something.
struct Counts {
  size_t inputs = 0, accepted = 0;
  ~Counts() { fmt::print(stderr, "torch_reader: {} inputs, {} accepted and compared\n", inputs, accepted); }
};

// What a pass of the structural checks means for one file.
bool Accepted(const checkpoint::Checkpoint& checkpoint) {
  return checkpoint.structure_status().ok() && checkpoint.unambiguous_status().ok() &&
         checkpoint.pickle_status().ok() && checkpoint.safety_status().ok() && checkpoint.storage_status().ok() &&
         checkpoint.tensor_status().ok();
}

class Comparison {
 public:
  Comparison(const checkpoint::Checkpoint& checkpoint, caffe2::serialize::PyTorchStreamReader& theirs)
      : ours_(*checkpoint.archive()), theirs_(theirs) {
    const std::string& first = ours_.records().front().name;
    folder_ = first.substr(0, first.find('/') + 1);
  }

  void Names() {
    std::vector<std::string> mine, lower;
    for (const archive::ZipRecord& record : ours_.records()) mine.push_back(record.name.substr(folder_.size()));
    const std::vector<std::string> all = theirs_.getAllRecords();
    Require(all == mine, fmt::format("both list the same records: {} and {}", all.size(), mine.size()));
    for (std::string name : all) {
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      lower.push_back(std::move(name));
    }
    std::sort(lower.begin(), lower.end());
    Require(std::adjacent_find(lower.begin(), lower.end()) == lower.end(), "no two names differ by case only");
  }

  // A record that torch.load asks for.
  void Record(const std::string& name) {
    const std::optional<size_t> index = ours_.Find(folder_ + name);
    Require(theirs_.hasRecord(name) == index.has_value(), fmt::format("both know, or do not know, record {}", name));
    if (!index) return;
    const archive::ZipRecord& record = ours_.records()[*index];
    const auto bytes = ours_.Read(*index);
    Require(bytes.ok(), fmt::format("record {} of an accepted file can be read", name));
    Require(theirs_.getRecordHeaderOffset(name) == record.header_offset,
            fmt::format("both take record {} from the same place", name));
    const auto [data, size] = theirs_.getRecord(name);
    Require(size == bytes->size() && (size == 0 || std::memcmp(data.get(), bytes->data(), size) == 0),
            fmt::format("both read the same bytes of record {}", name));
    // torch.load(mmap=True), and what newer releases do always.
    Require(theirs_.getRecordOffset(name) == record.data_offset,
            fmt::format("both find the payload of record {} at the same offset", name));
  }

  void Version() {
    auto index = ours_.Find(folder_ + ".data/version");
    if (!index) index = ours_.Find(folder_ + "version");
    Require(index.has_value(), "an accepted file has a version");
    const auto bytes = ours_.Read(*index);
    uint64_t version = 0;
    const auto* text = reinterpret_cast<const char*>(bytes->data());
    std::from_chars(text, text + bytes->size(), version);
    Require(theirs_.version() == version, "both read the same version");
  }

 private:
  const archive::ZipArchive& ours_;
  caffe2::serialize::PyTorchStreamReader& theirs_;
  std::string folder_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Counts counts;
  counts.inputs += 1;
  const std::string_view file = AsText(data, size);
  const checkpoint::Checkpoint checkpoint = checkpoint::Checkpoint::Read(InMemory(file));
  if (checkpoint.format() != checkpoint::Checkpoint::Format::kZip || !Accepted(checkpoint)) return 0;
  counts.accepted += 1;
  Require(file.starts_with("PK\3\4"), "torch.load takes it for an archive: the first four bytes are PK\\3\\4");
  try {
    caffe2::serialize::PyTorchStreamReader reader(std::make_shared<MemoryAdapter>(file));
    Comparison comparison(checkpoint, reader);
    comparison.Names();
    comparison.Version();
    for (const char* name : {"data.pkl", "byteorder", "version", ".data/version", ".format_version",
                             ".storage_alignment", ".data/serialization_id"}) {
      comparison.Record(name);
    }
    for (const pickle::Storage& storage : checkpoint.storages()) comparison.Record("data/" + storage.key);
    Require(!reader.hasRecord("constants.pkl"), "torch.load does not take it for TorchScript");
  } catch (const std::exception& error) {
    Require(false, fmt::format("LibTorch opens and reads what the suite accepts: {}", error.what()));
  }
  return 0;
}
