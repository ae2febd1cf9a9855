// What the reading of a pickle gives, as far as it got.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/pickle/pickle.h"
#include "harness/pickle/tensor_view.h"

namespace harness::pickle {

// A value that could not be made: shown with the key path of its node, where that has one.
struct NodeProblem {
  NodeId node;
  std::string text;
};

struct Reading {
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

}  // namespace harness::pickle
