#include "harness/generate/generator.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <vector>

#include "harness/generate/guided_model.h"
#include "harness/model/pattern.h"

namespace harness::generate {
namespace {

// Fails where one is not finite, with the place and how many. logits: [B, K, cardinality].
Status CheckFinite(const at::Tensor& logits, int64_t step) {
  const at::Tensor bad = at::logical_not(at::isfinite(logits));
  if (!bad.any().item<bool>()) return {};
  for (int64_t b = 0; b < logits.size(0); ++b) {
    for (int64_t k = 0; k < logits.size(1); ++k) {
      const auto count = bad[b][k].sum().item<int64_t>();
      if (count == 0) continue;
      const auto nan = at::isnan(logits[b][k]).sum().item<int64_t>();
      return Error{
          ErrorCode::kCorrupt,
          fmt::format(
              "at step {} {}codebook {} has {} of {} logits that are not finite ({} NaN, {} infinite), although every "
              "weight is finite: activations overflow",
              step, logits.size(0) > 1 ? fmt::format("of sample {} ", b) : "", k, count, logits.size(-1), nan,
              count - nan)};
    }
  }
  return {};
}

}  // namespace

Result<at::Tensor> GenerateCodes(const model::LanguageModel& model, const model::GuidedConditions& conditions,
                                 int64_t batch, int64_t num_frames, const Sampling& sampling,
                                 const GenerationCallbacks& callbacks) {
  const c10::InferenceMode inference;
  const architecture::LmSpec& spec = model.spec();
  const int64_t num_codebooks = spec.num_codebooks, special = spec.cardinality;
  HARNESS_ASSIGN_OR_RETURN(const model::Pattern pattern,
                           model::Pattern::Create(spec.pattern, num_codebooks, num_frames));
  if (sampling.mode == Sampling::Mode::kTopK && sampling.top_k > spec.cardinality) {
    return Error{ErrorCode::kMismatch, fmt::format("top_k is {}, transformer_lm.card is {}: torch.topk raises",
                                                   sampling.top_k, spec.cardinality)};
  }
  const auto first = pattern.FirstStepWith(0);
  TORCH_CHECK(first.has_value(), "a pattern holds every frame");
  const int64_t steps = pattern.num_steps();
  // The last step is chosen, and never seen.
  HARNESS_RETURN_IF_ERROR(model.CheckGeneration(conditions.positive, *first, steps - 1));
  GuidedModel guided(model, conditions, batch, steps, sampling);
  Sampler sampler(sampling, model.device());
  const auto longs = at::TensorOptions().dtype(at::kLong);
  at::Tensor codes = at::full({batch, num_codebooks, num_frames}, -1, longs);
  at::Tensor current = at::full({batch, num_codebooks, *first}, special, longs);  // what the model sees next: [B, K, S]
  for (int64_t step = *first; step < steps; ++step) {
    const at::Tensor drawn_from = guided.Logits(current.to(model.device()));
    const at::Tensor logits = drawn_from.cpu();
    HARNESS_RETURN_IF_ERROR(CheckFinite(logits, step));
    if (callbacks.logits) callbacks.logits(logits.to(at::kFloat), pattern.step(step));
    const at::Tensor tokens = sampler.Next(drawn_from).cpu();  // [B, K]
    current = at::full({batch, num_codebooks, 1}, special, longs);
    for (const model::Coordinate& coordinate : pattern.step(step)) {
      const at::Tensor token = tokens.select(1, coordinate.codebook);
      current.select(1, coordinate.codebook).copy_(token.unsqueeze(-1));
      codes.select(1, coordinate.codebook).select(1, coordinate.frame).copy_(token);
    }
    if (callbacks.progress) callbacks.progress(step - *first + 1, steps - *first);
  }
  TORCH_CHECK((codes >= 0).all().item<bool>(), "the pattern left a code without a value");
  return codes;
}

}  // namespace harness::generate
