// From what a user asks for (a text, a melody) to the tensors that the language model is conditioned on.
// Source: audiocraft 1.3.0, modules/conditioners.py ConditioningProvider; models/musicgen.py
// MusicGen._prepare_tokens_and_attributes, which gives every sample a `description` and a `self_wav`, and no more.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/architecture/lm_spec.h"
#include "harness/base/result.h"
#include "harness/model/conditioner.h"
#include "harness/model/conditions.h"
#include "harness/model/tensor_table.h"

namespace harness::model {

using TextEncoders = std::map<std::string, std::shared_ptr<const TextEncoder>>;  // by conditioner

class ConditionProvider {
 public:
  // A t5 conditioner without an encoder here (not in the cache) can only encode "no text": its embedding is masked to
  // zero after the projection, whatever the T5. Errors: kUnsupported (a conditioner that is not built).
  static Result<ConditionProvider> Build(const architecture::LmSpec& spec, const TensorTable& tensors,
                                         TextEncoders text_encoders, const Placement& placement = {});

  // Whether a text changes anything, and can be encoded; whether a melody does.
  bool has_text_encoder() const;
  bool has_melody_encoder() const;

  // `together`: conditions and null conditions are encoded as one batch and padded alike, as guidance in one pass has
  // it; else apart, as two_step_cfg does. Errors: kUnsupported (a text without an encoder, a style), kMismatch (a
  // conditioner that MusicGen gives no input to: KeyError there; a melody for a model that takes none: RuntimeError).
  Result<GuidedConditions> Encode(const std::vector<ConditioningInput>& samples, bool together) const;

 private:
  struct Entry {
    std::string name;
    std::unique_ptr<Conditioner> conditioner;
  };
  explicit ConditionProvider(std::optional<std::string> problem) : problem_(std::move(problem)) {}

  std::vector<Entry> entries_;          // texts first, then waveforms, each in the config's order
  std::optional<std::string> problem_;  // FindInputProblem
  bool takes_melody_ = false;
};

}  // namespace harness::model
