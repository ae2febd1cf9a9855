// What a config implies, before any weight is touched: a name, a shape and where both come from.
//
// A model of 3.3 B parameters is a few thousand of these. `group` is the module group that a shape check reports on;
// `origin` names the config keys that give the shape ("transformer_lm.dim, transformer_lm.card").
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace harness::architecture {

struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  std::string group;
  std::string origin;
  // Other names under which the reference's loader accepts it (StreamingMultiheadAttention._load_from_state_dict).
  std::vector<std::string> aliases = {};
  // Inference never reads it (EMA statistics of a codebook): any values do.
  bool training_only = false;
};

// "[2048, 1024]"
std::string FormatShape(const std::vector<int64_t>& shape);

}  // namespace harness::architecture
