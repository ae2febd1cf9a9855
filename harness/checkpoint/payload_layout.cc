#include "harness/checkpoint/payload_layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>

#include "harness/checkpoint/key_paths.h"
#include "harness/checkpoint/printable.h"

namespace harness {
namespace {

constexpr size_t kShown = 5;

std::optional<int64_t> Times(int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

std::string Grouped(std::vector<std::string> problems, std::string_view one, std::string_view many) {
  const size_t count = problems.size();
  if (count > kShown) {
    problems.resize(kShown);
    problems.push_back(fmt::format("and {} more", count - kShown));
  }
  return fmt::format("{} {}: {}", count, count == 1 ? one : many, fmt::join(problems, "; "));
}

std::string At(const KeyPaths& paths, NodeId node) {
  std::string path = paths.Of(node);
  return path.empty() ? path : path + ": ";
}

}  // namespace

Status CheckStorages(PickleReading& reading, const std::vector<StoragePlace>& places, std::string_view place) {
  std::vector<std::string> problems;
  ErrorCode code = ErrorCode::kUnsupported;
  const KeyPaths paths(reading.pickle);
  for (const NodeProblem& problem : reading.storage_problems) {
    if (reading.pickle[problem.node].kind == PickleNode::Kind::kStorage) code = ErrorCode::kCorrupt;
    problems.push_back(At(paths, problem.node) + problem.text);
  }
  for (size_t i = 0; i < reading.storages.size(); ++i) {
    Storage& storage = reading.storages[i];
    const std::optional<int64_t> expected = Times(storage.num_elements, static_cast<int64_t>(SizeOf(storage.dtype)));
    const std::string record = Printable(storage.record);
    if (storage.num_elements < 0 || !expected) {
      problems.push_back(fmt::format("{} should have {} elements", record, storage.num_elements));
    } else if (!places[i].found) {
      problems.push_back(fmt::format("{} is missing; the pickle says {} bytes ({} x {})", record, *expected,
                                     storage.num_elements, Name(storage.dtype)));
    } else if (places[i].size_bytes != static_cast<uint64_t>(*expected)) {
      problems.push_back(fmt::format("{} holds {} bytes, the pickle says {} ({} x {})", record, places[i].size_bytes,
                                     *expected, storage.num_elements, Name(storage.dtype)));
    } else {
      storage.available = true;
      continue;
    }
    code = ErrorCode::kCorrupt;
    storage.bytes = {};
  }
  if (problems.empty()) return {};
  return Error{code, fmt::format("{}: {}. The file was cut, changed or written by a process that died: export again",
                                 place, Grouped(std::move(problems), "storage is wrong", "storages are wrong"))};
}

std::string WhyOutOfBounds(const TensorView& view, const Storage& storage) {
  if (view.offset < 0) return fmt::format("its offset is {}", view.offset);
  int64_t elements = 1, distinct = 1;
  bool empty = false;
  for (const int64_t size : view.shape) {
    if (size < 0) return "its shape has a negative size";
    empty |= size == 0;
  }
  for (const int64_t stride : view.strides) {
    if (stride < 0) return "its strides are negative";
  }
  if (empty) return "";
  int64_t last = view.offset;
  for (size_t i = 0; i < view.shape.size(); ++i) {
    const std::optional<int64_t> reach = Times(view.shape[i] - 1, view.strides[i]);
    if (!reach || __builtin_add_overflow(last, *reach, &last) ||
        __builtin_mul_overflow(elements, view.shape[i], &elements)) {
      return "its size overflows 64 bits";
    }
    if (view.strides[i] != 0) distinct *= view.shape[i];  // at most `elements`
  }
  const std::optional<int64_t> have = Times(storage.num_elements, static_cast<int64_t>(SizeOf(storage.dtype)));
  const int64_t size = static_cast<int64_t>(SizeOf(view.dtype));
  if (!have || last >= *have / size) {
    return fmt::format("its last element is number {} of a storage that has {}", last, have ? *have / size : 0);
  }
  // Every position is inside, so more elements than positions means that strides overlap.
  if (distinct > *have / size) {
    return fmt::format("its strides make {} elements out of a storage that has {}", distinct, *have / size);
  }
  return "";
}

Status CheckTensors(PickleReading& reading, std::string_view place) {
  std::vector<std::string> problems;
  const KeyPaths paths(reading.pickle);
  for (const NodeProblem& problem : reading.tensor_problems) problems.push_back(At(paths, problem.node) + problem.text);
  for (size_t i = 0; i < reading.tensors.size(); ++i) {
    TensorView& view = reading.tensors[i];
    const Storage& storage = reading.storages[view.storage];
    const std::string why = WhyOutOfBounds(view, storage);
    view.valid = why.empty() && storage.available;
    if (why.empty()) continue;  // where only the storage is missing, the storage's status says so
    const std::string path = paths.Of(reading.tensor_nodes[i]);
    problems.push_back(fmt::format("{} (shape [{}], strides [{}], offset {}, {}, storage {}): {}",
                                   path.empty() ? fmt::format("tensor {}", i) : path, fmt::join(view.shape, ", "),
                                   fmt::join(view.strides, ", "), view.offset, Name(view.dtype),
                                   Printable(storage.key, 40), why));
  }
  if (problems.empty()) return {};
  return Error{ErrorCode::kCorrupt,
               fmt::format("{}: {}. No PyTorch writes that: the file is damaged or was made by hand", place,
                           Grouped(std::move(problems), "tensor does not fit its storage",
                                   "tensors do not fit their storages"))};
}

}  // namespace harness
