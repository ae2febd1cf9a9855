// The conditioners of a language model: what a config's `conditioners` describes, and the tensors that it implies.
// Source: audiocraft 1.3.0, models/builders.py get_conditioner_provider, modules/conditioners.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/config/config.h"
#include "harness/spec/option_reader.h"
#include "harness/spec/tensor_spec.h"

namespace harness {

// One entry of `conditioners`.
struct ConditionerSpec {
  std::string name;   // "description"
  std::string model;  // "t5", "lut", "chroma_stem", "clap"
  std::string t5_name;
  int64_t input_dim = 0;  // D of the embedding before output_proj
  bool finetune = false;
};

// Everything under `conditioners`, in the config's order; what is wrong goes to `problems`.
std::vector<ConditionerSpec> ReadConditioners(const Config& config, OptionProblems& problems);

// Group "conditioners". `dim`: transformer_lm.dim, the width that every conditioner projects to.
void AppendConditionerTensors(const ConditionerSpec& conditioner, int64_t dim, std::vector<TensorSpec>& list);

// The names that T5Conditioner accepts, and the width of each one's embedding (MODELS, MODELS_DIMS).
std::optional<int64_t> T5Dim(const std::string& name);

}  // namespace harness
