#include "harness/generate/guided_model.h"

#include <ATen/ATen.h>

namespace harness::generate {
namespace {

// Rows of `first`, then rows of `second`.
model::LmConditions Stack(const model::LmConditions& first, const model::LmConditions& second) {
  model::LmConditions stacked;
  for (size_t i = 0; i < first.size(); ++i) {
    stacked.push_back({first[i].name, at::cat({first[i].embedding, second[i].embedding}, 0)});
  }
  return stacked;
}

at::Tensor LastStep(const at::Tensor& logits) { return logits.select(2, -1); }

}  // namespace

GuidedModel::GuidedModel(const model::LanguageModel& model, const model::GuidedConditions& conditions, int64_t batch,
                         int64_t steps, const Sampling& sampling)
    : model_(model),
      batch_(batch),
      guided_(!conditions.positive.empty()),
      two_step_(sampling.two_step_cfg),
      // In the reference two passes are guided by the model's own coefficient, whatever was asked for.
      cfg_coef_(two_step_ ? model.spec().cfg_coef : sampling.cfg_coef) {
  if (!guided_) {
    state_ = model.Start({}, batch, steps);
  } else if (two_step_) {
    state_ = model.Start(conditions.positive, batch, steps);
    null_state_ = model.Start(conditions.null, batch, steps);
  } else {
    state_ = model.Start(Stack(conditions.positive, conditions.null), 2 * batch, steps);
  }
}

at::Tensor GuidedModel::Logits(const at::Tensor& codes) {
  if (!guided_) return LastStep(model_.Forward(codes, state_));
  at::Tensor positive, null;
  if (two_step_) {
    positive = LastStep(model_.Forward(codes, state_));
    null = LastStep(model_.Forward(codes, null_state_));
  } else {
    const at::Tensor both = LastStep(model_.Forward(at::cat({codes, codes}, 0), state_));
    positive = both.narrow(0, 0, batch_);
    null = both.narrow(0, batch_, batch_);
  }
  return null + (positive - null) * cfg_coef_;
}

}  // namespace harness::generate
