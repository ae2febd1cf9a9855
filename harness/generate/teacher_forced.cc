#include "harness/generate/teacher_forced.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "harness/generate/catch_torch.h"
#include "harness/model/pattern.h"

namespace harness::generate {
namespace {

Status CheckCodes(const architecture::LmSpec& spec, const at::Tensor& codes) {
  if (codes.dim() != 2 || codes.size(0) != spec.num_codebooks || codes.size(1) < 1) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("codes for a model of {} codebooks have {} dimensions, the first of "
                             "size {}: expected [K, T]",
                             spec.num_codebooks, codes.dim(), codes.dim() > 0 ? codes.size(0) : 0)};
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
    const at::Tensor codes = given.cpu().to(at::kLong);
    HARNESS_RETURN_IF_ERROR(CheckCodes(spec, codes));
    HARNESS_ASSIGN_OR_RETURN(const model::Pattern pattern,
                             model::Pattern::Create(spec.pattern, spec.num_codebooks, codes.size(1)));
    const int64_t steps = pattern.num_steps(), batch = conditions.empty() ? 1 : conditions[0].embedding.size(0);
    HARNESS_RETURN_IF_ERROR(model.CheckGeneration(conditions, steps, steps));
    at::Tensor sequence = at::full({spec.num_codebooks, steps}, spec.cardinality, at::TensorOptions().dtype(at::kLong));
    for (int64_t step = 0; step < steps; ++step) {
      for (const auto& [frame, codebook] : pattern.step(step)) sequence[codebook][step].copy_(codes[codebook][frame]);
    }
    model::LmState state = model.Start(conditions, batch, steps);
    const at::Tensor rows = sequence.unsqueeze(0).expand({batch, -1, -1}).to(model.device());
    return model.Forward(rows, state, observer).to(at::kCPU, at::kFloat);
  });
}

}  // namespace harness::generate
