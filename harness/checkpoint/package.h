// What audiocraft.utils.export puts into a checkpoint: a dict with `best_state`, `xp.cfg`, `version`, `exported`, or
// with `pretrained` (a reference to a known codec). Source: audiocraft/utils/export.py and models/loaders.py, 1.3.0.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/checkpoint/checkpoint.h"

namespace harness {

// Bytes of a tensor's name. The longest of a MusicGen has a hundred; a conditioner's name stands in it.
inline constexpr size_t kMaxTensorName = 1000;

struct NamedTensor {
  std::string name;
  size_t tensor;  // index into Checkpoint::tensors()
};

struct Package {
  std::vector<std::string> keys;        // of the top-level dict, in file order
  std::vector<NamedTensor> best_state;  // in file order, each name once
  NodeId config = kNoNode;              // xp.cfg: a kString (YAML text), or a dict or DictConfig (plain_value.h)
  // A reference: then best_state and config are not required. Where they are there all the same they are given, too:
  // the codec's loader goes by `pretrained`, the language model's ignores it.
  std::optional<std::string> pretrained;
  std::optional<std::string> version;
  bool exported = false;
};

// What only who knows the export can say of a file that is no package, in sentences.
struct PackageAdvice {
  std::string exporter;  // which call writes it
  std::string empty;     // what an empty best_state comes from; continues "best_state is empty: "
};

// Reads the top level of `checkpoint`, whose pickle must be ok.
// Errors: kMismatch, when it is something else (a raw training checkpoint, a bare state dict, a Lightning checkpoint, a
// sharded one, best_state nested a level too deep, empty, or holding something that is no tensor), naming what it looks
// like, and the advice.
Result<Package> ReadPackage(const Checkpoint& checkpoint, const PackageAdvice& advice = {});

}  // namespace harness
