#include "harness/checkpoint/payload_layout.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "harness/archive/findings.h"
#include "harness/base/safe_text.h"
#include "harness/pickle/key_paths.h"

namespace harness::checkpoint {
namespace {

// How often the views of a storage may show its elements, each view counted once: flat buffers show them once, tied
// parameters twice, zero biases of several widths some times. Views of a small storage cost nothing.
constexpr uint64_t kMaxTimesShown = 64, kViewsOfSmallStorage = uint64_t{64} << 20;

std::optional<int64_t> Times(int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// "2 tensors do not fit their storages: ..."
std::string FormatCount(const archive::Findings& problems, std::string_view one, std::string_view many) {
  return fmt::format("{} {}: {}", problems.count(), problems.count() == 1 ? one : many, problems.Text());
}

std::string At(const pickle::KeyPaths& paths, pickle::NodeId node) {
  std::string path = paths.PathTo(node);
  return path.empty() ? path : path + ": ";
}

}  // namespace

Status CheckStorages(pickle::Reading& reading, const std::vector<StoragePlace>& places, std::string_view place) {
  archive::Findings problems;
  ErrorCode code = ErrorCode::kUnsupported;
  const pickle::KeyPaths paths(reading.pickle);
  for (const pickle::NodeProblem& problem : reading.storage_problems) {
    if (reading.pickle[problem.node].kind == pickle::Node::Kind::kStorage) code = ErrorCode::kCorrupt;
    problems.Add([&] { return At(paths, problem.node) + problem.text; });
  }
  for (size_t i = 0; i < reading.storages.size(); ++i) {
    pickle::Storage& storage = reading.storages[i];
    const std::optional<int64_t> expected =
        Times(storage.num_elements, static_cast<int64_t>(pickle::CountElementBytes(storage.dtype)));
    const auto record = [&] { return Printable(storage.record); };
    if (storage.num_elements < 0 || !expected) {
      problems.Add([&] { return fmt::format("{} should have {} elements", record(), storage.num_elements); });
    } else if (!places[i].found) {
      problems.Add([&] {
        return fmt::format("{} is missing (expected {} bytes, {} x {}, from the pickle)", record(), *expected,
                           storage.num_elements, pickle::Name(storage.dtype));
      });
    } else if (places[i].size_bytes != static_cast<uint64_t>(*expected)) {
      problems.Add([&] {
        return fmt::format("{} has the wrong size (found {} bytes, expected {}, {} x {}, from the pickle)", record(),
                           places[i].size_bytes, *expected, storage.num_elements, pickle::Name(storage.dtype));
      });
    } else {
      storage.available = true;
      continue;
    }
    code = ErrorCode::kCorrupt;
    storage.bytes = {};
  }
  if (problems.empty()) return {};
  return Error{code,
               fmt::format("{}: {}. The file was cut or changed, or the process that wrote it died", place,
                           FormatCount(problems, "storage is wrong", "storages are wrong")),
               "Export it again"};
}

std::optional<std::string> FindOutOfBounds(const pickle::TensorView& view, const pickle::Storage& storage) {
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
  if (empty) return std::nullopt;
  int64_t last = view.offset;
  for (size_t i = 0; i < view.shape.size(); ++i) {
    const std::optional<int64_t> reach = Times(view.shape[i] - 1, view.strides[i]);
    if (!reach || __builtin_add_overflow(last, *reach, &last) ||
        __builtin_mul_overflow(elements, view.shape[i], &elements)) {
      return "its size overflows 64 bits";
    }
    if (view.strides[i] != 0) distinct *= view.shape[i];  // at most `elements`
  }
  const std::optional<int64_t> have =
      Times(storage.num_elements, static_cast<int64_t>(pickle::CountElementBytes(storage.dtype)));
  const int64_t size = static_cast<int64_t>(pickle::CountElementBytes(view.dtype));
  if (!have || last >= *have / size) {
    return fmt::format("its last element is number {} of a storage that has {}", last, have ? *have / size : 0);
  }
  // Every position is inside, so more elements than positions means that strides overlap.
  if (distinct > *have / size) {
    return fmt::format("its strides make {} elements out of a storage that has {}", distinct, *have / size);
  }
  return std::nullopt;
}

namespace {

// The elements that the views of each storage show, each view once and repeats (strides of 0) once.
struct Shown {
  std::set<std::tuple<int64_t, std::vector<int64_t>, std::vector<int64_t>>> views;
  uint64_t bytes = 0;
};

void Count(const pickle::TensorView& view, Shown& shown) {
  if (view.num_elements() == 0 || !shown.views.insert({view.offset, view.shape, view.strides}).second) return;
  uint64_t elements = 1;  // a valid view: at most what the storage has
  for (size_t i = 0; i < view.shape.size(); ++i) {
    if (view.strides[i] != 0) elements *= static_cast<uint64_t>(view.shape[i]);
  }
  shown.bytes += elements * pickle::CountElementBytes(view.dtype);
}

}  // namespace

Status CheckTensors(pickle::Reading& reading, std::string_view place) {
  archive::Findings problems;
  const pickle::KeyPaths paths(reading.pickle);
  std::vector<Shown> shown(reading.storages.size());
  const auto name = [&](size_t tensor) {
    std::string path = paths.PathTo(reading.tensor_nodes[tensor]);
    return path.empty() ? fmt::format("tensor {}", tensor) : path;
  };
  std::optional<size_t> too_often;
  for (const pickle::NodeProblem& problem : reading.tensor_problems) {
    problems.Add([&] { return At(paths, problem.node) + problem.text; });
  }
  for (size_t i = 0; i < reading.tensors.size(); ++i) {
    pickle::TensorView& view = reading.tensors[i];
    const pickle::Storage& storage = reading.storages[view.storage];
    const std::optional<std::string> why = FindOutOfBounds(view, storage);
    view.valid = !why && storage.available;
    if (view.valid) {
      Count(view, shown[view.storage]);
      const uint64_t size = static_cast<uint64_t>(storage.num_elements) * pickle::CountElementBytes(storage.dtype);
      if (!too_often && shown[view.storage].bytes > kViewsOfSmallStorage &&
          shown[view.storage].bytes / kMaxTimesShown > size) {
        too_often = i;
      }
    }
    if (!why) continue;  // where only the storage is missing, the storage's status says so
    problems.Add([&] {
      return fmt::format("{} (shape [{}], strides [{}], offset {}, {}, storage {}): {}", name(i),
                         fmt::join(view.shape, ", "), fmt::join(view.strides, ", "), view.offset,
                         pickle::Name(view.dtype), Printable(storage.key, 40), *why);
    });
  }
  if (!problems.empty()) {
    return Error{
        ErrorCode::kCorrupt,
        fmt::format("{}: {}. No PyTorch writes that: the file is damaged, or was made by hand", place,
                    FormatCount(problems, "tensor does not fit its storage", "tensors do not fit their storages")),
        "Do not load it. Copy it again from where it was exported, or export it again"};
  }
  if (!too_often) return {};
  // Nothing of this file is read: no tensor of it is given out.
  for (pickle::TensorView& view : reading.tensors) view.valid = false;
  const size_t storage = reading.tensors[*too_often].storage;
  return Error{ErrorCode::kUnsupported,
               fmt::format("{}: {} and other views of storage {} show its {} elements more than {} times over, each in "
                           "another cut. This suite reads no more: no model's parameters lie so",
                           place, name(*too_often), Printable(reading.storages[storage].key, 40),
                           reading.storages[storage].num_elements, kMaxTimesShown),
               "clone() each tensor into best_state, and export again"};
}

}  // namespace harness::checkpoint
