// From conditions to codes: MusicGen's autoregressive loop over the codebook pattern, with classifier-free guidance.
// Source: audiocraft 1.3.0, models/lm.py LMModel.generate.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "harness/base/result.h"
#include "harness/generate/sampler.h"
#include "harness/model/language_model.h"
#include "harness/model/pattern.h"

namespace harness::generate {

struct GenerationCallbacks {
  // Called after every step; may be empty.
  std::function<void(int64_t done, int64_t total)> progress;
  // Called before a step is drawn, with its guided logits [B, K, cardinality] float32 on the CPU and what it holds; may
  // be empty.
  std::function<void(const at::Tensor& logits, const std::vector<model::Coordinate>& step)> logits;
};

// `batch` samples, whose conditions `conditions` holds. Returns codes [B, K, T] int64 on the CPU, T = num_frames, each
// below the cardinality.
// Errors: those of ContinueCodes but for the prompt's.
Result<at::Tensor> GenerateCodes(const model::LanguageModel& model, const model::GuidedConditions& conditions,
                                 int64_t batch, int64_t num_frames, const Sampling& sampling,
                                 const GenerationCallbacks& callbacks = {});

// Continues `prompt`, [B, K, P] int64 on the CPU, P from 0 on, to T = num_frames frames in all: the first P of what it
// returns are the prompt's. What is drawn goes on from where `sampler`, of the model's device, is.
// Errors: kMismatch (delays, top_k above the cardinality; a prompt of other codebooks, that leaves nothing to generate,
// or of codes at or above the cardinality), kUnsupported (pattern), kCorrupt: logits that are not finite, with the
// step, the sample, the codebook and how many.
Result<at::Tensor> ContinueCodes(const model::LanguageModel& model, const model::GuidedConditions& conditions,
                                 const at::Tensor& prompt, int64_t num_frames, Sampler& sampler,
                                 const GenerationCallbacks& callbacks = {});

}  // namespace harness::generate
