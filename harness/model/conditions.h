// What the conditioners give to the language model.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace harness::model {

// One conditioner's embedding after its output_proj, zero where its mask is: the reference's fuser never looks at the
// mask.
struct Condition {
  std::string name;      // of the conditioner: the fuser's lists name it
  at::Tensor embedding;  // [B, L, D] float32; float16 with kFloat16Autocast
};

// Text conditioners first, then waveforms, each in the config's order, as ConditioningProvider.tokenize collects them.
using LmConditions = std::vector<Condition>;

// The conditions of B samples, and the null conditions that guidance pulls away from. Both are empty for a model
// without conditioners, which then runs unguided.
struct GuidedConditions {
  LmConditions positive, null;
};

}  // namespace harness::model
