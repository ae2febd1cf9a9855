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

#include "harness/base/result.h"
#include "harness/model/conditions.h"
#include "harness/model/tensor_table.h"
#include "harness/spec/lm_spec.h"

namespace harness {

// What one sample is generated from. No text and no melody: unconditional.
struct ConditioningInput {
  std::optional<std::string> description;
  at::Tensor melody;  // [C, N] float32 at the codec's rate and channels, or undefined
};

// A T5 with its tokenizer.
class TextEncoder {
 public:
  virtual ~TextEncoder() = default;
  struct Embedding {
    at::Tensor states;  // [B, L, D] float32, D the width of the T5; padding is not zero
    at::Tensor mask;    // [B, L] int64: 1 where a token is, 0 where padding
  };
  // Tokenized together, padded to the longest. Errors: kCorrupt, kUnsupported.
  virtual Result<Embedding> Encode(const std::vector<std::string>& texts) const = 0;
};

using TextEncoders = std::map<std::string, std::shared_ptr<const TextEncoder>>;  // by conditioner

class ConditionProvider {
 public:
  // A t5 conditioner without an encoder here (not in the cache) can only encode "no text": its embedding is masked to
  // zero after the projection, whatever the T5. Errors: kUnsupported (a conditioner that is not built).
  static Result<ConditionProvider> Build(const LmSpec& spec, const TensorTable& tensors, TextEncoders text_encoders,
                                         at::Device device);

  // Whether a text changes anything, and can be encoded.
  bool has_text_encoder() const;

  // `together`: conditions and null conditions are encoded as one batch and padded alike, as guidance in one pass has
  // it; else apart, as two_step_cfg does. Errors: kUnsupported (a text without an encoder), kMismatch (a conditioner
  // that MusicGen gives no input to: KeyError there).
  Result<GuidedConditions> Encode(const std::vector<ConditioningInput>& samples, bool together) const;

 private:
  struct Projection {
    at::Tensor weight, bias;  // [D, width], [D]
  };
  ConditionProvider(LmSpec spec, at::Device device) : spec_(std::move(spec)), device_(device) {}

  LmSpec spec_;
  at::Device device_;
  std::map<std::string, Projection> projections_;
  TextEncoders text_encoders_;
};

}  // namespace harness
