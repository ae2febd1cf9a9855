// A row for each kind of conditioner: what its options are and what follows from them. The rows stand in
// KIND_conditioner.cc; their order is that of ConditionerOptions. What generation runs of a kind is built by
// harness/model (BuildConditioner).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/architecture/conditioner_spec.h"
#include "harness/architecture/edit_candidates.h"
#include "harness/config/option_reader.h"

namespace harness::architecture {

// What a conditioner takes. MusicGen gives each sample a text and a waveform, and never a joint embedding.
enum class ConditionerInput { kText, kWave, kJointEmbedding };

// Where the options of a conditioner stand.
struct ConditionerArguments {
  const config::ConfigValue::Map& map;
  std::string path;               // "conditioners.self_wav.chroma_stem"
  double segment_duration_s = 0;  // dataset.segment_duration
};

// The tensors of one conditioner, by what follows its prefix, and the options that give their shapes.
class ConditionerTensors {
 public:
  ConditionerTensors(const ConditionerSpec& conditioner, std::vector<TensorSpec>& list);

  void Add(const std::string& leaf, std::vector<int64_t> shape, const std::string& origin, bool training_only = false);
  void Add(const std::vector<TensorSpec>& tensors) { list_.insert(list_.end(), tensors.begin(), tensors.end()); }
  // ResidualVectorQuantizer; see ListCodecTensors. `count`: the option that gives the number of codebooks.
  void AddQuantizer(const std::string& leaf, const ConditionerQuantizer& quantizer, const std::string& count);
  // "conditioners.description.lut.dim"
  std::string Key(const std::string& option) const { return key_ + option; }

 private:
  const ConditionerSpec& conditioner_;
  std::vector<TensorSpec>& list_;
  std::string prefix_, key_;
};

// For the edits of a conditioner's options.
struct ConditionerEdits {
  std::string key;     // "conditioners.description.t5."
  std::string prefix;  // ConditionerPrefix
  const FoundShapes& found;
  EditCandidates& edits;
};

struct ConditionerKind {
  const char* model;  // conditioners.NAME.model, and the key of the options: "t5"
  ConditionerInput input;
  // The first audiocraft that knows it; null: 1.3.0. An older one raises ValueError "Unrecognized conditioning model"
  // in get_pretrained.
  const char* needs_audiocraft = nullptr;
  bool runs = true;  // whether this suite generates with it

  // Fills in all of the spec but its name.
  void (*read)(const ConditionerArguments& arguments, ConditionerSpec& conditioner, config::OptionProblems& problems);
  // The tensors beside output_proj; null: none.
  void (*append_tensors)(const ConditionerSpec& conditioner, ConditionerTensors& tensors) = nullptr;
  // How many append_tensors appends beyond six, or more, before they are made; null: none.
  int64_t (*more_tensors)(const ConditionerSpec& conditioner) = nullptr;
  // What follows the prefix in the names of tensors that can't be known here; null: nothing does.
  std::optional<std::string> (*unchecked)(const ConditionerSpec& conditioner) = nullptr;
  // Edits of the options that would make them fit the tensors that were found; null: none.
  void (*add_edits)(const ConditionerEdits& edits) = nullptr;
};

// In the order of ConditionerOptions.
const std::vector<const ConditionerKind*>& ListConditionerKinds();
const ConditionerKind& FindConditionerKind(const ConditionerSpec& conditioner);

// For `read`: a bool is not taken for a number, as torch.empty and range don't.
int64_t ReadStrictInt(config::OptionReader& options, std::string_view key);
bool ReadStrictBool(config::OptionReader& options, std::string_view key);

inline constexpr const char* kSpacyModel = "spaCy's English model en_core_web_sm";

}  // namespace harness::architecture
