// How well a language model predicts given codes: the cross-entropy of one teacher-forced pass, in nats a code.
//
// Letters: K codebooks, T frames. Chance is ln(cardinality) nats; a trained model of real audio is well below it, and
// only where weights, config and codec belong together. Guidance plays no part. Source: audiocraft 1.3.0, models/lm.py
// LMModel.compute_predictions; solvers/musicgen.py _compute_cross_entropy.
#pragma once

#include <ATen/core/Tensor.h>

#include "harness/base/result.h"
#include "harness/model/language_model.h"

namespace harness::generate {

struct Likelihood {
  at::Tensor nats;  // [K, T] float64; 0 where it is not valid
  // The same, where the logits are divided by the one temperature that suits these codes best. A model that is merely
  // less sure of itself gains nothing over another by that.
  at::Tensor tempered;  // [K, T] float64
  // What compute_predictions keeps: not the frames that a delay pushes beyond the last whole step.
  at::Tensor valid;  // [K, T] bool
  double temperature = 1;

  double mean() const;                // over the valid codes
  at::Tensor codebook_means() const;  // [K] float64; NaN for one without a valid code
};

// codes: [K, T] int64. `conditions`: of one row. Errors: as ComputeTeacherForcedLogits; kCorrupt, where logits are not finite.
Result<Likelihood> MeasureLikelihood(const model::LanguageModel& model, const model::LmConditions& conditions,
                                     const at::Tensor& codes);

}  // namespace harness::generate
