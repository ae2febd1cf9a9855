// checkpoint_probe: what this library makes of many small inputs, for programs that compare it with another reader
// (scripts/oracle/pickle_differential.py, load_differential.py). A development tool: not installed, no part of the
// suite.
//
// usage: checkpoint_probe < PATHS      one path of a checkpoint file a line
//        checkpoint_probe --pickles    a stream of pickles, each after its length (uint32, little-endian)
// Output: one JSON object a line, in order; the keys stand in Judge* below.
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "harness/archive/crc32.h"
#include "harness/archive/zip_archive.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/package.h"
#include "harness/checkpoint/record_safety.h"
#include "harness/pickle/pickle_environment.h"
#include "harness/pickle/pickle_reader.h"
#include "harness/pickle/pickle_safety.h"
#include "harness/weights/payload.h"

namespace harness::weights {
namespace {

using Json = nlohmann::ordered_json;
using Kind = pickle::Node::Kind;

// Shared values are written out again at each place: a bound keeps the tree small. "cut" and "object" equal anything.
constexpr size_t kMaxDepth = 40, kMaxValues = 4000;

std::string Text(const Status& status) {
  return status.ok() ? "" : std::string(Name(status.error().code)) + ": " + status.error().message;
}

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<uint8_t>(c) >> 4];
    out += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

// A value as [kind, ...]: the comparing program knows Python's counterpart of each.
class ValueWriter {
 public:
  explicit ValueWriter(const pickle::Reading& reading) : reading_(reading), pickle_(reading.pickle) {}

  Json Write(pickle::NodeId id, size_t depth = 0) {
    if (id == pickle::kNoNode) return Json::array({"absent"});
    if (depth > kMaxDepth || ++written_ > kMaxValues) return Json::array({"cut"});
    const pickle::Node& node = pickle_[id];
    switch (node.kind) {
      case Kind::kNone: return Json::array({"none"});
      case Kind::kBool: return Json::array({"bool", node.boolean});
      case Kind::kInt: return Json::array({"int", std::to_string(node.integer)});
      case Kind::kBigInt: return Json::array({"int", node.text});
      case Kind::kFloat: {
        uint64_t bits;
        std::memcpy(&bits, &node.real, sizeof bits);
        return Json::array({"float", bits});
      }
      case Kind::kString: return Json::array({"str", Hex(node.text)});
      case Kind::kBytes: return Json::array({"bytes", Hex(node.text)});
      case Kind::kList: return Json::array({"list", Items(node, depth)});
      case Kind::kTuple: return Json::array({"tuple", Items(node, depth)});
      case Kind::kSet: return Json::array({"set", Items(node, depth)});
      case Kind::kDict: return Json::array({"dict", Pairs(node, depth), Write(node.state, depth + 1)});
      case Kind::kGlobal: return Json::array({"global", node.text});
      case Kind::kStorage: return Json::array({"storage", StorageOf(node.storage)});
      case Kind::kTensor: {
        const pickle::TensorView& view = reading_.tensors[node.tensor];
        return Json::array(
            {"tensor", StorageOf(view.storage), view.offset, view.shape, view.strides, Write(node.state, depth + 1)});
      }
      case Kind::kObject: return Json::array({"object"});
    }
    return Json::array({"cut"});
  }

 private:
  Json StorageOf(size_t index) const {
    const pickle::Storage& storage = reading_.storages[index];
    return Json::array({storage.key, Name(storage.dtype), storage.num_elements});
  }

  Json Items(const pickle::Node& node, size_t depth) {
    Json out = Json::array();
    for (const pickle::NodeId item : node.items) {
      out.push_back(Write(item, depth + 1));
      if (written_ > kMaxValues) return Json::array({Json::array({"cut"})});
    }
    return out;
  }

  Json Pairs(const pickle::Node& node, size_t depth) {
    Json out = Json::array();
    for (const auto& [key, value] : node.pairs) {
      out.push_back(Json::array({Write(key, depth + 1), Write(value, depth + 1)}));
      if (written_ > kMaxValues) return Json::array({Json::array({Json::array({"cut"}), Json::array({"cut"})})});
    }
    return out;
  }

  const pickle::Reading& reading_;
  const pickle::Pickle& pickle_;
  size_t written_ = 0;
};

Json JudgePickle(std::span<const std::byte> bytes) {
  const pickle::Reading reading = pickle::ReadPickle(bytes, "pickle");
  const Status safety = pickle::DescribeForeign(reading, "pickle");
  Json foreign = Json::array(), known = Json::array();
  for (const pickle::NodeId id : reading.foreign) {
    if (reading.pickle[id].kind == Kind::kGlobal) foreign.push_back(reading.pickle[id].text);
  }
  for (const pickle::Node& node : reading.pickle.nodes) {
    if (node.kind == Kind::kGlobal) known.push_back(node.text);
  }
  const bool accepted = reading.status.ok() && safety.ok() && reading.storage_problems.empty() &&
                        reading.tensor_problems.empty() && pickle::CheckLoadsInReference(reading.pickle, "pickle").ok();
  Json out = {{"accepted", accepted},   {"status", Text(reading.status)},
              {"safety", Text(safety)}, {"foreign", foreign},
              {"known", known},         {"end", reading.end}};
  if (accepted) out["value"] = ValueWriter(reading).Write(reading.pickle.root);
  return out;
}

// CRC-32 of the elements in row-major order.
uint32_t ElementsCrc(const pickle::TensorView& view, std::span<const std::byte> storage) {
  const size_t element = pickle::CountElementBytes(view.dtype);
  uint32_t crc = 0;
  const int64_t count = view.num_elements();
  std::vector<int64_t> index(view.shape.size(), 0);
  for (int64_t done = 0; done < count; ++done) {
    int64_t at = view.offset;
    for (size_t d = 0; d < index.size(); ++d) at += index[d] * view.strides[d];
    crc = archive::ComputeCrc32(crc, storage.subspan(static_cast<size_t>(at) * element, element));
    for (size_t d = index.size(); d-- > 0;) {
      if (++index[d] < view.shape[d]) break;
      index[d] = 0;
    }
  }
  return crc;
}

Status CheckChecksums(const checkpoint::Checkpoint& checkpoint) {
  const Result<PayloadScan> scan = ScanPayload(checkpoint);
  if (!scan.ok()) return scan.error();
  for (const RecordChecksum& record : scan->records) {
    if (!record.matches()) return Error{ErrorCode::kCorrupt, record.record + " has another CRC-32"};
  }
  return {};
}

Json JudgeFile(const std::string& path) {
  Result<MappedFile> file = MappedFile::Open(path);
  if (!file.ok()) return {{"accepted", false}, {"structure", file.error().message}};
  const checkpoint::Checkpoint checkpoint = checkpoint::Checkpoint::Read(std::move(*file));
  // As file_presence does with what is not a checkpoint.
  const Status safety = checkpoint.format() == checkpoint::Checkpoint::Format::kUnknown
                            ? checkpoint::CheckStrayPickles(checkpoint.file().bytes(), checkpoint.file().name())
                            : checkpoint.safety_status();
  Json out = {{"accepted", false},
              {"structure", Text(checkpoint.structure_status())},
              {"unambiguous", Text(checkpoint.unambiguous_status())},
              {"safety", Text(safety)},
              {"pickle", Text(checkpoint.pickle_status())},
              {"storage", Text(checkpoint.storage_status())},
              {"tensor", Text(checkpoint.tensor_status())}};
  const bool stages_ok = checkpoint.structure_status().ok() && checkpoint.unambiguous_status().ok() && safety.ok() &&
                         checkpoint.pickle_status().ok() && checkpoint.storage_status().ok() &&
                         checkpoint.tensor_status().ok();
  if (!stages_ok) return out;
  const Status loads = pickle::CheckLoadsInReference(checkpoint.pickle(), "file"),
               checksums = CheckChecksums(checkpoint);
  const Result<checkpoint::Package> package =
      checkpoint::ReadPackage(checkpoint, checkpoint::PackageKind::kLanguageModel);
  out["loads"] = Text(loads);
  out["checksums"] = Text(checksums);
  out["package"] = package.ok() ? "" : package.error().message;
  if (!loads.ok() || !checksums.ok() || !package.ok()) return out;
  out["accepted"] = true;
  Json known = Json::array(), state = Json::array();
  for (const pickle::Node& node : checkpoint.pickle().nodes) {
    if (node.kind == Kind::kGlobal) known.push_back(node.text);
  }
  for (const checkpoint::NamedTensor& named : package->best_state) {
    const pickle::TensorView& view = checkpoint.tensors()[named.tensor];
    const std::span<const std::byte> bytes = checkpoint.storages()[view.storage].bytes;
    state.push_back(Json::array({named.name, Name(view.dtype), view.shape, ElementsCrc(view, bytes)}));
  }
  out["known"] = known;
  out["best_state"] = state;
  return out;
}

void Print(const Json& json) { std::cout << json.dump(-1, ' ', true, Json::error_handler_t::replace) << '\n'; }

int Run(bool pickles) {
  std::ios::sync_with_stdio(false);
  if (!pickles) {
    for (std::string path; std::getline(std::cin, path);) Print(JudgeFile(path));
    return 0;
  }
  uint32_t size = 0;
  for (std::vector<std::byte> bytes; std::cin.read(reinterpret_cast<char*>(&size), sizeof size);) {
    bytes.resize(size);
    if (!std::cin.read(reinterpret_cast<char*>(bytes.data()), size)) return 2;
    Print(JudgePickle(bytes));
  }
  return 0;
}

}  // namespace
}  // namespace harness::weights

int main(int argc, char** argv) { return harness::weights::Run(argc > 1 && std::string_view(argv[1]) == "--pickles"); }
