#include "conformance/checks/state_dict_integrity/check_weights.h"
#include "conformance/framework/fault_list.h"
#include "harness/architecture/agreement.h"

namespace conformance {

using harness::exports::Role;

Outcome CheckFinite(Context& context, Role role) {
  return CheckWeights(context, role, [&](const std::vector<harness::weights::Weight>& weights) {
    FaultList bad;
    int64_t elements = 0;
    for (const harness::weights::Weight& weight : weights) {
      const harness::weights::TensorStatistics* s = weight.statistics;
      if (s == nullptr || harness::weights::IsTrainingOnly(weight.name)) continue;
      elements += s->elements;
      if (s->nan == 0 && s->infinite == 0) continue;
      const int64_t first = s->nan > 0 ? s->first_nan : s->first_infinite;
      bad.Add(fmt::format("{} {} ({} NaN and {} infinite of {}, the first at flat index {})", weight.name,
                          harness::architecture::FormatShape(weight.shape), s->nan, s->infinite, s->elements, first));
    }
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
