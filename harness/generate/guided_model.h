// The language model with classifier-free guidance around it: logits of B samples, pulled away from the null condition.
// Source: audiocraft 1.3.0, models/lm.py LMModel._sample_next_token.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "harness/generate/sampler.h"
#include "harness/model/conditions.h"
#include "harness/model/language_model.h"

namespace harness::generate {

class GuidedModel {
 public:
  // Starts `batch` sequences of at most `steps` steps: one pass over twice the batch, or with two_step_cfg two passes.
  // Without conditions nothing guides, as in the reference. `model` must outlive it.
  GuidedModel(const model::LanguageModel& model, const model::GuidedConditions& conditions, int64_t batch,
              int64_t steps, const Sampling& sampling);

  // codes: [B, K, S] int64 on the model's device; more than one step only at first. Returns the last step's logits,
  // [B, K, cardinality] in the model's type: null + (positive - null) * cfg_coef.
  at::Tensor Logits(const at::Tensor& codes);

 private:
  const model::LanguageModel& model_;
  int64_t batch_;
  bool guided_, two_step_;
  double cfg_coef_;
  model::LmState state_, null_state_;
};

}  // namespace harness::generate
