// Which of the two models a file of torch.save holds, whatever its name and whoever wrote it: for folders in which the
// right names are missing, and for files that hold more than one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/checkpoint/checkpoint.h"
#include "harness/export/role.h"

namespace harness::exports {

struct Inside {
  enum class Package {
    kExport,     // best_state and xp.cfg, as audiocraft's exporter writes them
    kReference,  // a codec by its name
    kTraining,   // of audiocraft's trainer: best_state['model']
    kOther,      // a bare state dict, or another trainer's checkpoint
  };
  Package package = Package::kOther;
  std::vector<std::string> place;             // the keys that lead to the tensors; none: they are at the top
  std::optional<std::string> language_model;  // what stands before its names ("", "lm."); nothing where it is not there
  std::optional<std::string> codec;           // likewise
};

// Nothing where neither model is there, nor a reference; nor of a file that can't be read, or that runs code.
std::optional<Inside> LookInside(const checkpoint::Checkpoint& checkpoint);
std::optional<Inside> LookInside(const std::filesystem::path& file);

// A model that is neither of the two, which people put in their place.
struct Stranger {
  const char* mark;  // a part of the name of a tensor, or of a key at the top, that no other model has
  const char* what;  // continues "FILE is "; null: it is named elsewhere
  const char* remedy;
};
const Stranger* FindStranger(const checkpoint::Checkpoint& checkpoint);  // null where nothing is known of it

// "{k.removeprefix('lm.'): v for k, v in torch.load('FILE')['state_dict'].items() if k.startswith('lm.')}": Python that
// makes the state dict of that model.
std::string FormatStateDict(const Inside& inside, const std::string& prefix, const std::string& file);

// "take the config ...": how tensors that audiocraft's trainer did not save (`state_dict`: Python that makes them)
// become the file of that role.
std::string FormatPacking(Role role, const std::string& state_dict);

}  // namespace harness::exports
