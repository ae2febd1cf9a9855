// From conditions to codes: MusicGen's autoregressive loop over the codebook pattern, with classifier-free guidance.
// Source: audiocraft 1.3.0, models/lm.py LMModel.generate.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "harness/base/result.h"
#include "harness/generate/sampler.h"
#include "harness/model/language_model.h"

namespace harness {

// `conditions` of one sample and of the null condition that guidance pulls away from; both undefined for a model
// without conditioners, which then runs unguided.
struct GuidedConditions {
  LmConditions positive, null;
};

// The conditions of "no text": T5 embeds the empty string and its mask zeroes the embedding *after* the projection, so
// that one zero vector remains per text conditioner (T5Conditioner.forward). Needs no T5 weights.
GuidedConditions Unconditional(const LmSpec& spec, at::Device device);

struct GenerationCallbacks {
  // Called after every step; may be empty.
  std::function<void(int64_t done, int64_t total)> progress;
};

// codes [K, T] int64 on the CPU, T = num_frames, each below the cardinality.
// Errors: kMismatch (delays, top_k above the cardinality), kUnsupported (pattern), kCorrupt: logits that are not
// finite, with the step, the codebook and how many.
Result<at::Tensor> GenerateCodes(const LanguageModel& model, const GuidedConditions& conditions, int64_t num_frames,
                                 const Sampling& sampling, const GenerationCallbacks& callbacks = {});

}  // namespace harness
