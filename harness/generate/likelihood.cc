#include "harness/generate/likelihood.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <limits>
#include <vector>

#include "harness/generate/catch_torch.h"
#include "harness/generate/teacher_forced.h"
#include "harness/model/pattern.h"

namespace harness::generate {
namespace {

// From far too sure to hardly sure of anything; the last is next to chance.
constexpr double kTemperatures[] = {0.5, 0.7, 0.85, 1, 1.2, 1.5, 2, 3, 5, 10, 30};

// logits: [N, cardinality]; codes: [N]. Returns [N] float64.
at::Tensor CrossEntropy(const at::Tensor& logits, const at::Tensor& codes, double temperature) {
  const at::Tensor scaled = temperature == 1 ? logits : logits / temperature;
  return at::sub(scaled.logsumexp(-1), scaled.gather(-1, codes.unsqueeze(-1)).squeeze(-1)).to(at::kDouble);
}

}  // namespace

double Likelihood::mean() const { return nats.sum().item<double>() / valid.sum().item<double>(); }

at::Tensor Likelihood::codebook_means() const { return nats.sum(1) / valid.sum(1).to(at::kDouble); }

Result<Likelihood> MeasureLikelihood(const model::LanguageModel& model, const model::LmConditions& conditions,
                                     const at::Tensor& codes) {
  HARNESS_ASSIGN_OR_RETURN(const at::Tensor all, ComputeTeacherForcedLogits(model, conditions, codes));
  return CatchTorch<Likelihood>("predicting given codes", [&]() -> Result<Likelihood> {
    const c10::InferenceMode inference;
    const architecture::LmSpec& spec = model.spec();
    HARNESS_ASSIGN_OR_RETURN(const model::Pattern pattern,
                             model::Pattern::Create(spec.pattern, codes.size(0), codes.size(1)));
    // The logits after a step are of the next one. Where the pattern begins without a step of special tokens the
    // reference takes them for that of the step itself, in training as well.
    const int64_t shift = pattern.step(0).empty() ? 1 : 0;
    std::vector<int64_t> codebooks, frames, steps;
    for (int64_t step = shift; step < pattern.num_valid_steps(); ++step) {
      for (const auto& [frame, codebook] : pattern.step(step)) {
        codebooks.push_back(codebook);
        frames.push_back(frame);
        steps.push_back(step - shift);
      }
    }
    if (steps.empty()) {
      return Error{ErrorCode::kMismatch, "the pattern has no whole step: there are too few frames to predict"};
    }
    const at::Tensor k = at::tensor(codebooks), t = at::tensor(frames), s = at::tensor(steps);
    const at::Tensor logits = all[0].index({k, s}), targets = codes.cpu().to(at::kLong).index({k, t});
    if (!at::isfinite(logits).all().item<bool>()) {
      return Error{ErrorCode::kCorrupt, "logits of real audio are not finite, although every weight is"};
    }
    const auto place = [&](const at::Tensor& values) {
      at::Tensor placed = at::zeros(codes.sizes(), values.options());
      return placed.index_put_({k, t}, values);
    };
    const at::Tensor nats = CrossEntropy(logits, targets, 1);
    Likelihood likelihood{place(nats), {}, place(at::ones_like(k).to(at::kBool)), 1};
    double least = std::numeric_limits<double>::infinity();
    at::Tensor best;
    for (const double temperature : kTemperatures) {
      const at::Tensor tempered = CrossEntropy(logits, targets, temperature);
      if (const double mean = tempered.mean().item<double>(); mean < least) {
        least = mean;
        best = tempered;
        likelihood.temperature = temperature;
      }
    }
    likelihood.tempered = place(best);
    return likelihood;
  });
}

}  // namespace harness::generate
