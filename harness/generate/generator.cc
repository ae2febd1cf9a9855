#include "harness/generate/generator.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <vector>

#include "harness/model/pattern.h"

namespace harness {
namespace {

// Where and how many, or empty where all are finite.
std::string NonFinite(const at::Tensor& logits, int64_t step) {
  const at::Tensor bad = at::logical_not(at::isfinite(logits));  // [K, cardinality]
  if (!bad.any().item<bool>()) return "";
  const at::Tensor per_codebook = bad.sum(-1);
  for (int64_t k = 0; k < per_codebook.size(0); ++k) {
    const auto count = per_codebook[k].item<int64_t>();
    if (count == 0) continue;
    const auto nan = at::isnan(logits[k]).sum().item<int64_t>();
    return fmt::format(
        "at step {} codebook {} has {} of {} logits that are not finite ({} NaN, {} infinite), although every "
        "weight is finite: activations overflow",
        step, k, count, logits.size(-1), nan, count - nan);
  }
  return "";
}

at::Tensor Stack(const at::Tensor& positive, const at::Tensor& null) {
  return null.defined() ? at::cat({positive, null}, 0) : positive;
}

}  // namespace

GuidedConditions Unconditional(const LmSpec& spec, at::Device device) {
  GuidedConditions conditions;
  if (!spec.cross_attention) return conditions;
  const auto length = static_cast<int64_t>(spec.fuser.cross.size());
  conditions.positive.cross = at::zeros({1, length, spec.dim}, at::TensorOptions().dtype(at::kFloat).device(device));
  conditions.null.cross = conditions.positive.cross;
  return conditions;
}

Result<at::Tensor> GenerateCodes(const LanguageModel& model, const GuidedConditions& conditions, int64_t num_frames,
                                 const Sampling& sampling, const GenerationCallbacks& callbacks) {
  const c10::InferenceMode inference;
  const LmSpec& spec = model.spec();
  const int64_t num_codebooks = spec.num_codebooks, special = spec.cardinality;
  ASSIGN_OR_RETURN(const Pattern pattern, Pattern::Create(spec.pattern, num_codebooks, num_frames));
  if (sampling.mode == Sampling::Mode::kTopK && sampling.top_k > spec.cardinality) {
    return Error{ErrorCode::kMismatch, fmt::format("top_k is {}, transformer_lm.card is {}: torch.topk raises",
                                                   sampling.top_k, spec.cardinality)};
  }
  const auto first = pattern.FirstStepWith(0);
  if (!first || *first == 0) {
    return Error{ErrorCode::kUnsupported, "codebooks_pattern starts without a step of special tokens"};
  }

  const bool guided = conditions.null.cross.defined();
  const int64_t batch = guided ? 2 : 1;
  LmConditions stacked;
  stacked.cross = Stack(conditions.positive.cross, conditions.null.cross);
  const int64_t steps = pattern.num_steps();
  LmState state = model.Start(stacked, batch, steps);
  Sampler sampler(sampling);

  const auto longs = at::TensorOptions().dtype(at::kLong);
  at::Tensor codes = at::full({num_codebooks, num_frames}, -1, longs);
  at::Tensor current = at::full({batch, num_codebooks, *first}, special, longs);  // what the model sees next: [B, K, S]
  for (int64_t step = *first; step < steps; ++step) {
    at::Tensor logits = model.Forward(current.to(model.device()), state).select(2, -1);  // [B, K, cardinality]
    logits = guided ? logits[1] + (logits[0] - logits[1]) * sampling.cfg_coef : logits[0];
    logits = logits.cpu();
    if (std::string problem = NonFinite(logits, step); !problem.empty()) return Error{ErrorCode::kCorrupt, problem};
    const at::Tensor tokens = sampler.Next(logits);
    current = at::full({batch, num_codebooks, 1}, special, longs);
    for (const Coordinate& coordinate : pattern.step(step)) {
      const at::Tensor token = tokens[coordinate.codebook];
      current.select(1, coordinate.codebook).copy_(token.expand({batch, 1}));
      codes[coordinate.codebook][coordinate.frame].copy_(token);
    }
    if (callbacks.progress) callbacks.progress(step - *first + 1, steps - *first);
  }
  TORCH_CHECK((codes >= 0).all().item<bool>(), "the pattern left a code without a value");
  return codes;
}

}  // namespace harness
