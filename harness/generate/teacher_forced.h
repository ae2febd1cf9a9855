// The logits of given codes: what a model would have predicted at each step, had it generated them.
// Source: audiocraft 1.3.0, models/lm.py LMModel.compute_predictions; in one pass, in the precision of generation,
// which streams.
#pragma once

#include <ATen/core/Tensor.h>

#include "harness/base/result.h"
#include "harness/model/language_model.h"

namespace harness::generate {

// codes: [B, K, T] int64, each below the cardinality, as many rows as `conditions` have (any number without conditions);
// or [K, T], the same for every row (one without conditions).
// They are laid out by the model's pattern, the special token where it has none; the steps after the last frame, which
// compute_predictions leaves out, are there, too. Returns [B, K, S, cardinality] float32 on the CPU. They need not be
// finite.
// Errors: kMismatch (codes of another shape or range; as Pattern::Create and CheckGeneration), kIo (out of memory),
// kCorrupt (LibTorch refuses an operation). No exception leaves it.
Result<at::Tensor> ComputeTeacherForcedLogits(const model::LanguageModel& model, const model::LmConditions& conditions,
                                              const at::Tensor& codes, const model::LayerObserver& observer = {});

}  // namespace harness::generate
