// What audiocraft.utils.export puts into a checkpoint: a dict with `best_state`, `xp.cfg`, `version`, `exported`, or
// with `pretrained` (a reference to a known codec). Source: audiocraft/utils/export.py and models/loaders.py, 1.3.0.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/checkpoint/checkpoint.h"

namespace harness::checkpoint {

// Bytes of a tensor's name. The longest of a MusicGen has a hundred; a conditioner's name stands in it.
inline constexpr size_t kMaxTensorName = 1000;

struct NamedTensor {
  std::string name;
  size_t tensor;  // index into Checkpoint::tensors()
};

// Which of the two files it is. load_lm_model reads best_state and xp.cfg, and no other key. load_compression_model
// follows `pretrained` where that is there, and then reads nothing else.
enum class PackageKind { kLanguageModel, kCodec };

struct Package {
  std::vector<std::string> keys;            // of the top-level dict, in file order
  std::optional<std::string> pretrained;    // a codec that is a reference; what follows is then left empty
  std::vector<NamedTensor> best_state;      // in file order, each name once
  pickle::NodeId config = pickle::kNoNode;  // xp.cfg: a kString (YAML text), or a dict or DictConfig (plain_value.h)
};

// What only the caller, who knows the export, can say of a file that is not a package.
struct PackageAdvice {
  std::string exporter;  // which call writes it: the remedy of every error
  std::string empty;     // what an empty best_state comes from; continues "best_state is empty: "
  std::string refill;    // the remedy of that
};

// Reads the top level of `checkpoint`, whose pickle must be ok.
// Errors: kMismatch, when it is something else (a raw training checkpoint, a bare state dict, a Lightning checkpoint, a
// sharded one, a reference in the place of a language model, best_state nested a level too deep, empty, or holding
// something that is not a tensor), naming what it looks like, and the advice.
Result<Package> ReadPackage(const Checkpoint& checkpoint, PackageKind kind, const PackageAdvice& advice = {});

}  // namespace harness::checkpoint
