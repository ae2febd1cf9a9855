// A pickled config as plain values: a tree of dicts and lists, or the objects that OmegaConf pickles for a DictConfig.
// Interpolations ("${sample_rate}") and "???" stay the text that they are.
//
// How OmegaConf pickles (2.0 to 2.3; seen in files of torch.save): DictConfig, ListConfig and the nodes are objects
// made by NEWOBJ without arguments whose BUILD state is a dict {_metadata, _parent, _content} (containers) or
// {_metadata, _parent, _val} (AnyNode, StringNode, ...). _content is a dict or list of such objects, or None, "???" or
// an interpolation for a container as a whole; a UnionNode's _content is a node. _parent refers back: the graph is
// cyclic.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/pickle/pickle.h"

namespace harness::pickle {

struct PlainValue {
  enum class Kind { kNull, kBool, kInt, kFloat, kString, kBytes, kList, kDict };
  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  double real = 0;
  std::string text;               // kString (UTF-8), kBytes (raw)
  std::vector<PlainValue> keys;   // kDict: scalars, one for each item, in file order, each once
  std::vector<PlainValue> items;  // kList, kDict

  const PlainValue* Find(std::string_view key) const;  // kDict: null where there is none
};

// Errors: kMismatch, with the key path, for what no config holds (tensors, calls, cycles); kUnsupported where it is
// nested more than 200 deep or has more than a million values.
Result<PlainValue> ToPlainValue(const Pickle& pickle, NodeId id);

}  // namespace harness::pickle
