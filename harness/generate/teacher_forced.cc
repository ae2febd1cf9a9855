#include "harness/generate/teacher_forced.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "harness/generate/catch_torch.h"
#include "harness/model/pattern.h"

namespace harness::generate {
namespace {

// codes: [rows, K, T].
Status CheckCodes(const architecture::LmSpec& spec, const at::Tensor& codes) {
  if (codes.dim() != 3 || codes.size(0) < 1 || codes.size(1) != spec.num_codebooks || codes.size(2) < 1) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("codes for a model of {} codebooks are [{}]: expected [B, K, T], or [K, T]",
                             spec.num_codebooks, fmt::join(codes.sizes(), ", "))};
  }
  const auto least = codes.min().item<int64_t>(), most = codes.max().item<int64_t>();
  if (least < 0 || most >= spec.cardinality) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("codes go from {} to {}, transformer_lm.card is {}", least, most, spec.cardinality)};
  }
  return {};
}

}  // namespace

Result<at::Tensor> ComputeTeacherForcedLogits(const model::LanguageModel& model, const model::LmConditions& conditions,
                                              const at::Tensor& given, const model::LayerObserver& observer) {
  return CatchTorch<at::Tensor>("predicting given codes", [&]() -> Result<at::Tensor> {
    const c10::InferenceMode inference;
    const architecture::LmSpec& spec = model.spec();
    const at::Tensor given_rows = given.cpu().to(at::kLong);
    const at::Tensor codes = given.dim() == 2 ? given_rows.unsqueeze(0) : given_rows;
    HARNESS_RETURN_IF_ERROR(CheckCodes(spec, codes));
    HARNESS_ASSIGN_OR_RETURN(const model::Pattern pattern,
                             model::Pattern::Create(spec.pattern, spec.num_codebooks, codes.size(2)));
    const int64_t steps = pattern.num_steps(), rows = codes.size(0);
    const int64_t batch = conditions.empty() ? rows : conditions[0].embedding.size(0);
    if (rows != 1 && rows != batch) {
      return Error{ErrorCode::kMismatch, fmt::format("codes have {} rows, the conditions {}", rows, batch)};
    }
    HARNESS_RETURN_IF_ERROR(model.CheckGeneration(conditions, steps, steps));
    at::Tensor sequence =
        at::full({rows, spec.num_codebooks, steps}, spec.cardinality, at::TensorOptions().dtype(at::kLong));
    for (int64_t step = 0; step < steps; ++step) {
      for (const auto& [frame, codebook] : pattern.step(step))
        sequence.select(1, codebook).select(1, step).copy_(codes.select(1, codebook).select(1, frame));
    }
    model::LmState state = model.Start(conditions, batch, steps);
    return model.Forward(sequence.expand({batch, -1, -1}).to(model.device()), state, observer).to(at::kCPU, at::kFloat);
  });
}

}  // namespace harness::generate
