#include "harness/model/fuser.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "harness/model/positions.h"

namespace harness::model {
namespace {

architecture::FuseMethod MethodOf(const architecture::FuserSpec& fuser, const Condition& condition) {
  const auto method = fuser.MethodOf(condition.name);
  TORCH_CHECK(method.has_value(), "no list of the fuser names the condition ", condition.name);
  return *method;
}

constexpr double kMaxPeriod =
    10000;  // create_sin_embedding's default: transformer_lm.max_period doesn't reach the fuser

}  // namespace

FusedConditions Fuse(const architecture::FuserSpec& fuser, const LmConditions& conditions) {
  FusedConditions fused;
  std::vector<at::Tensor> attended;
  for (const Condition& condition : conditions) {
    const architecture::FuseMethod method = MethodOf(fuser, condition);
    if (method == architecture::FuseMethod::kCross) {
      attended.push_back(condition.embedding);
      continue;
    }
    if (method == architecture::FuseMethod::kPrepend) fused.prefix += condition.embedding.size(1);
    fused.input.push_back({method, condition.embedding});
  }
  if (attended.empty()) return fused;
  fused.cross = at::cat(attended, 1);
  if (fuser.cross_attention_pos_emb) {
    fused.cross = fused.cross +
                  fuser.cross_attention_pos_emb_scale * ComputeSinEmbedding(0, fused.cross.size(1), fused.cross.size(2),
                                                                            kMaxPeriod, fused.cross.device());
  }
  return fused;
}

at::Tensor FusedConditions::Apply(at::Tensor x, bool first) const {
  for (const InputStep& step : input) {
    switch (step.method) {
      case architecture::FuseMethod::kSum: x = x + step.embedding; break;
      case architecture::FuseMethod::kInputInterpolate:
        // A single step gets the condition's first one, wherever in the sequence it stands: the reference's rule, too.
        x = x + at::upsample_nearest1d(step.embedding.transpose(1, 2), {x.size(1)}).transpose(1, 2);
        break;
      case architecture::FuseMethod::kPrepend:
        if (first) x = at::cat({step.embedding, x}, 1);
        break;
      case architecture::FuseMethod::kCross: break;
    }
  }
  return x;
}

Status CheckFused(const architecture::FuserSpec& fuser, const LmConditions& conditions, int64_t first_steps,
                  bool more) {
  int64_t length = first_steps;  // of what the first pass has come to so far
  for (const Condition& condition : conditions) {
    const int64_t steps = condition.embedding.size(1);
    const architecture::FuseMethod method = MethodOf(fuser, condition);
    if (method == architecture::FuseMethod::kPrepend) length += steps;
    if (method == architecture::FuseMethod::kInputInterpolate && (length == 0 || steps == 0)) {
      return Error{ErrorCode::kMismatch,
                   fmt::format("fuser.input_interpolate: the condition '{}' is interpolated from {} to {} steps: "
                               "F.interpolate raises a RuntimeError. Let codebooks_pattern start with a step of "
                               "special tokens (empty_initial of 0 or more)",
                               condition.name, steps, length)};
    }
    if (method != architecture::FuseMethod::kSum || steps == 1) continue;
    if (steps == length && !more) continue;
    return Error{
        ErrorCode::kMismatch,
        fmt::format("fuser.sum: the condition '{0}' has {1} steps, and generation adds it to one step at a "
                    "time: a RuntimeError in ConditionFuser (output doesn't match the broadcast shape). Only a "
                    "conditioner of a single step can be summed",
                    condition.name, steps),
        fmt::format("Move {} from fuser.sum to fuser.cross or fuser.prepend, as it was trained", condition.name)};
  }
  return {};
}

}  // namespace harness::model
