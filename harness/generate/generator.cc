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

// What the reference asserts of a prompt, or its embedding raises for.
Status CheckPrompt(const architecture::LmSpec& spec, const at::Tensor& prompt, int64_t num_frames) {
  TORCH_CHECK(prompt.dim() == 3, "a prompt is [B, K, P]");
  if (prompt.size(1) != spec.num_codebooks) {
    return Error{ErrorCode::kMismatch, fmt::format("the prompt has {} codebooks, transformer_lm.n_q is {}",
                                                   prompt.size(1), spec.num_codebooks)};
  }
  if (prompt.size(2) >= num_frames) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("a prompt of {} frames leaves nothing of {} to generate: LMModel.generate raises an "
                             "AssertionError",
                             prompt.size(2), num_frames)};
  }
  if (prompt.numel() == 0) return {};
  const auto least = prompt.min().item<int64_t>(), most = prompt.max().item<int64_t>();
  if (least < 0 || most >= spec.cardinality) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("the codes of the prompt go from {} to {}, transformer_lm.card is {}", least, most,
                             spec.cardinality)};
  }
  return {};
}

constexpr int64_t kUnknown = -1;  // a code that is to be generated

// The codes of `prompt` at the steps that hold them, the special token where none is, kUnknown else: [B, K, S].
at::Tensor LayOut(const model::Pattern& pattern, const at::Tensor& prompt, int64_t special) {
  const at::Tensor given = prompt.to(at::kLong).contiguous();
  at::Tensor sequence = at::full({given.size(0), given.size(1), pattern.num_steps()}, special, given.options());
  const auto from = given.accessor<int64_t, 3>();
  auto to = sequence.accessor<int64_t, 3>();
  for (int64_t step = 0; step < pattern.num_steps(); ++step) {
    for (const auto& [frame, codebook] : pattern.step(step)) {
      for (int64_t b = 0; b < given.size(0); ++b) {
        to[b][codebook][step] = frame < given.size(2) ? from[b][codebook][frame] : kUnknown;
      }
    }
  }
  return sequence;
}

// The codes of a sequence, where the pattern has them: [B, K, T].
at::Tensor GatherCodes(const model::Pattern& pattern, const at::Tensor& sequence) {
  at::Tensor codes = at::full({sequence.size(0), sequence.size(1), pattern.num_frames()}, kUnknown, sequence.options());
  const auto from = sequence.accessor<int64_t, 3>();
  auto to = codes.accessor<int64_t, 3>();
  for (int64_t step = 0; step < pattern.num_steps(); ++step) {
    for (const auto& [frame, codebook] : pattern.step(step)) {
      for (int64_t b = 0; b < sequence.size(0); ++b) to[b][codebook][frame] = from[b][codebook][step];
    }
  }
  return codes;
}

}  // namespace

Result<at::Tensor> GenerateCodes(const model::LanguageModel& model, const model::GuidedConditions& conditions,
                                 int64_t batch, int64_t num_frames, const Sampling& sampling,
                                 const GenerationCallbacks& callbacks) {
  Sampler sampler(sampling, model.device());
  const at::Tensor nothing = at::empty({batch, model.spec().num_codebooks, 0}, at::TensorOptions().dtype(at::kLong));
  return ContinueCodes(model, conditions, nothing, num_frames, sampler, callbacks);
}

Result<at::Tensor> ContinueCodes(const model::LanguageModel& model, const model::GuidedConditions& conditions,
                                 const at::Tensor& prompt, int64_t num_frames, Sampler& sampler,
                                 const GenerationCallbacks& callbacks) {
  const c10::InferenceMode inference;
  const architecture::LmSpec& spec = model.spec();
  HARNESS_RETURN_IF_ERROR(CheckPrompt(spec, prompt, num_frames));
  HARNESS_ASSIGN_OR_RETURN(const model::Pattern pattern,
                           model::Pattern::Create(spec.pattern, spec.num_codebooks, num_frames));
  const Sampling& sampling = sampler.sampling();
  if (sampling.mode == Sampling::Mode::kTopK && sampling.top_k > spec.cardinality) {
    return Error{ErrorCode::kMismatch, fmt::format("top_k is {}, transformer_lm.card is {}: torch.topk raises",
                                                   sampling.top_k, spec.cardinality)};
  }
  const auto first = pattern.FirstStepWith(prompt.size(2));
  TORCH_CHECK(first.has_value(), "a pattern holds every frame");
  const int64_t steps = pattern.num_steps();
  // The last step is chosen, and never seen.
  HARNESS_RETURN_IF_ERROR(model.CheckGeneration(conditions.positive, *first, steps - 1));
  GuidedModel guided(model, conditions, prompt.size(0), steps, sampling);
  at::Tensor sequence = LayOut(pattern, prompt, spec.cardinality);
  int64_t seen = 0;
  for (int64_t step = *first; step < steps; ++step) {
    const at::Tensor drawn_from = guided.Logits(sequence.slice(2, seen, step).to(model.device()));
    seen = step;
    const at::Tensor logits = drawn_from.cpu();
    HARNESS_RETURN_IF_ERROR(CheckFinite(logits, step));
    if (callbacks.logits) callbacks.logits(logits.to(at::kFloat), pattern.step(step));
    const at::Tensor tokens = sampler.Next(drawn_from).cpu();  // [B, K]
    const at::Tensor column = sequence.select(2, step);
    column.copy_(at::where(column == kUnknown, tokens, column));
    if (callbacks.progress) callbacks.progress(step - *first + 1, steps - *first);
  }
  at::Tensor codes = GatherCodes(pattern, sequence);
  TORCH_CHECK((codes >= 0).all().item<bool>(), "the pattern left a code without a value");
  return codes;
}

}  // namespace harness::generate
