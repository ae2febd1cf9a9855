#include "conformance/checks/state_dict_integrity/check_weights.h"
#include "conformance/framework/fault_list.h"
#include "harness/architecture/agreement.h"
#include "harness/architecture/foreign_names.h"

namespace conformance {

using harness::exports::Role;

namespace {

// audiocraft has no matrix of integers; strict loading casts one to floating point without a word.
bool IsIntegerMatrix(const harness::weights::Weight& weight) {
  const bool complex =
      weight.dtype == harness::pickle::Dtype::kComplex64 || weight.dtype == harness::pickle::Dtype::kComplex128;
  const bool named_so = weight.name.ends_with("weight") || weight.name.ends_with(".weight_v");
  return !complex && !harness::pickle::IsFloating(weight.dtype) && weight.shape.size() > 1 && named_so &&
         harness::weights::IsReadByInference(weight.name);
}

Outcome FailOnIntegers(Role role, const FaultList& integers, const std::vector<harness::weights::Weight>& weights) {
  std::vector<std::string> names;
  for (const harness::weights::Weight& weight : weights) names.push_back(weight.name);
  auto cause = harness::architecture::FindMechanism(names);
  if (!cause) {
    cause = {
        "So quantized weights look whose scales were removed, and audiocraft loads the integers as weights, without an "
        "error",
        "Export the weights as they were before they were quantized, or multiply them by their scales"};
  }
  return Fail(fmt::format("{}: {} integers, where the model has floating-point weights: {}. {}",
                          harness::exports::FileName(role),
                          FormatCount(integers.count, "matrix holds", "matrices hold"), integers.Join(), cause->text),
              integers.count, 0)
      .WithRemedy(cause->remedy);
}

}  // namespace

Outcome CheckFinite(Context& context, Role role) {
  return CheckWeights(context, role, [&](const std::vector<harness::weights::Weight>& weights) {
    FaultList bad, integers;
    int64_t elements = 0;
    for (const harness::weights::Weight& weight : weights) {
      if (IsIntegerMatrix(weight)) {
        integers.Add(fmt::format("{} {} of {}", weight.name, harness::architecture::FormatShape(weight.shape),
                                 harness::pickle::Name(weight.dtype)));
      }
      const harness::weights::TensorStatistics* s = weight.statistics;
      if (s == nullptr || harness::weights::IsTrainingOnly(weight.name)) continue;
      elements += s->elements;
      if (s->nan == 0 && s->infinite == 0) continue;
      const int64_t first = s->nan > 0 ? s->first_nan : s->first_infinite;
      bad.Add(fmt::format("{} {} ({} NaN and {} infinite of {}, the first at flat index {})", weight.name,
                          harness::architecture::FormatShape(weight.shape), s->nan, s->infinite, s->elements, first));
    }
    if (integers.count > 0) return FailOnIntegers(role, integers, weights);
    if (bad.count == 0) return Pass({{"elements", elements}, {"not_finite", 0}}, {{"not_finite", 0}});
    return Fail(fmt::format("{}: {} values that are not finite: {}. The training diverged, or a cast to half "
                            "precision overflowed before the export",
                            harness::exports::FileName(role), FormatCount(bad.count, "tensor holds", "tensors hold"),
                            bad.Join()),
                bad.count, 0)
        .WithRemedy("Export an earlier checkpoint, whose weights are finite");
  });
}

}  // namespace conformance
