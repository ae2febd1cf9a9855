// A pickle as plain values. The reader is a stack machine over protocols 0 to 5 that never calls anything: a REDUCE,
// NEWOBJ or BUILD of a known PyTorch global becomes the value that PyTorch would make, every other one an inert Object
// that remembers what would have been called, with which arguments, and where.
//
// Values live in one arena (`nodes`) and refer to each other by index, so that shared and cyclic values are as cheap as
// in Python and nothing recurses. Walk with care: a value may contain itself.
// Source: CPython's Lib/pickletools.py; torch/_utils.py, torch/serialization.py and torch/_weights_only_unpickler.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/result.h"

namespace harness::pickle {

using NodeId = uint32_t;
inline constexpr NodeId kNoNode = UINT32_MAX;

struct Node {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kBigInt,
    kFloat,
    kString,
    kBytes,
    kList,
    kTuple,
    kSet,      // items
    kDict,     // pairs; also OrderedDict and defaultdict
    kGlobal,   // text = "module.name"
    kObject,   // callable, arguments, state, items, pairs: something inert
    kStorage,  // storage = index into Checkpoint::storages()
    kTensor,   // tensor = index into Checkpoint::tensors(); also nn.Parameter
  };
  Kind kind = Kind::kNone;
  bool boolean = false;
  bool foreign = false;  // kGlobal, kObject: stands in Reading::foreign
  bool frozen = false;   // was an argument or a state of a call: no writer changes it any more, nor does this reader
  int64_t integer = 0;
  double real = 0;
  std::string text;           // kString (UTF-8), kBytes (raw), kGlobal, kBigInt (decimal or hex digits)
  std::vector<NodeId> items;  // kList, kTuple, kSet; list items appended to a kObject
  std::vector<std::pair<NodeId, NodeId>> pairs;  // kDict; items set on a kObject
  NodeId callable = kNoNode;                     // kObject
  NodeId arguments = kNoNode;                    // kObject: a tuple
  NodeId state = kNoNode;  // what BUILD was given; a kDict may carry one, too (an OrderedDict's _metadata)
  size_t storage = 0;
  size_t tensor = 0;
  uint64_t offset = 0;  // of the opcode that made it, in the pickle
};

struct Pickle {
  std::vector<Node> nodes;
  NodeId root = kNoNode;
  int protocol = 0;

  const Node& operator[](NodeId id) const { return nodes[id]; }
  const Node* Root() const { return root == kNoNode ? nullptr : &nodes[root]; }
  // The value of string key `key` in dict `dict`; the last one wins, as in Python. kNoNode where there is none.
  NodeId Find(NodeId dict, std::string_view key) const;
  // A short Python-like rendering, at most `limit` characters, cycles shown as "...": for messages.
  std::string Describe(NodeId id, size_t limit = 120) const;
};

}  // namespace harness::pickle
