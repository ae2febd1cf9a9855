// Reads one pickle as PyTorch wrote it, without calling anything.
//
// Input: bytes that start with a pickle; what follows STOP is left alone. Output: the values as far as the reading got,
// the storages and tensors that they name (not yet tied to bytes), and whatever would have run foreign code.
// Memory is linear in the input; nothing recurses. Errors: kCorrupt, kUnsupported, with offset and opcode.
// Source: CPython's Lib/pickletools.py and Modules/_pickle.c; torch/serialization.py and torch/_utils.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/pickle/pickle.h"
#include "harness/pickle/tensor_view.h"

namespace harness {

// A value that could not be made: shown with the key path of its node, where that has one.
struct NodeProblem {
  NodeId node;
  std::string text;
};

struct PickleReading {
  Pickle pickle;  // root is kNoNode where the status is not ok
  Status status;
  size_t end = 0;               // bytes read, up to and with STOP
  std::vector<NodeId> foreign;  // what is not known, or used as no writer uses it: calls and names, in file order
  bool calls_behind = false;
  std::vector<std::string> behind;  // where the pickle breaks off: what it goes on to name and call (pickle_scan.h)
  std::vector<Storage> storages;    // key, dtype, location and num_elements are set; one for each key
  std::vector<TensorView> tensors;
  std::vector<NodeId> tensor_nodes;  // the node that each tensor was made by
  std::vector<NodeProblem> storage_problems;
  std::vector<NodeProblem> tensor_problems;
};

// How many members a persistent id has: the ZIP format names a storage by five, the legacy one by six.
enum class PersistentIds { kZip, kLegacy };

// `place` names file and record in messages: "state_dict.bin: data.pkl".
// `more`: how many pickles a loader reads behind this one; where this reader breaks off, they are scanned, too.
PickleReading ReadPickle(std::span<const std::byte> bytes, std::string_view place,
                         PersistentIds ids = PersistentIds::kZip, size_t more = 0);

// kUnsafe where `reading` has something foreign, or breaks off before something that may run: each call with its
// arguments, offset and key path. `base_offset` is added to offsets. ok() otherwise. `is_loaded`: whether torch.load,
// as audiocraft calls it, reads this pickle.
Status DescribeForeign(const PickleReading& reading, std::string_view place, uint64_t base_offset = 0,
                       bool is_loaded = true);

// "BININT1", ...; "" for a byte that is no opcode.
std::string_view PickleOpcodeName(uint8_t opcode);

}  // namespace harness
