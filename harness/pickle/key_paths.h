// Where values stand in a pickle, for messages: "best_state → emb.0.weight". One breadth-first walk, linear in the
// pickle.
#pragma once

#include <string>
#include <vector>

#include "harness/pickle/pickle.h"

namespace harness::pickle {

class KeyPaths {
 public:
  explicit KeyPaths(const Pickle& pickle);  // which must outlive it

  // The shortest path from the root; "" for the root and for what it does not lead to.
  std::string PathTo(NodeId id) const;

 private:
  enum class Step : uint8_t { kNone, kRoot, kKey, kItem, kInKey, kCallable, kArguments, kState };
  struct Origin {
    NodeId parent = kNoNode;
    uint32_t detail = 0;  // kKey, kInKey: the key's node; kItem: the index
    Step step = Step::kNone;
  };
  const Pickle& pickle_;
  std::vector<Origin> origins_;  // by node
};

}  // namespace harness::pickle
