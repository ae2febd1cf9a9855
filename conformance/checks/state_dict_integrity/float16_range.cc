#include <algorithm>

#include "conformance/checks/state_dict_integrity/check_weights.h"
#include "conformance/framework/fault_list.h"
#include "harness/architecture/agreement.h"

namespace conformance {

using harness::exports::Role;

Outcome CheckFloat16Range(Context& context, Role role) {
  return CheckWeights(context, role, [&](const std::vector<harness::weights::Weight>& weights) {
    FaultList bad;
    double largest = 0;
    for (const harness::weights::Weight& weight : weights) {
      const harness::weights::TensorStatistics* s = weight.statistics;
      if (s == nullptr || s->min > s->max) continue;
      largest = std::max({largest, -s->min, s->max});
      if (s->beyond_float16 == 0) continue;
      bad.Add(fmt::format("{} {} ({} of {}, up to {:.6g}, the first at flat index {})", weight.name,
                          harness::architecture::FormatShape(weight.shape), s->beyond_float16, s->elements,
                          std::max(-s->min, s->max), s->first_beyond_float16));
    }
    if (bad.count == 0) return Pass({{"largest", largest}}, {{"largest", harness::weights::kFloat16Overflow}});
    return Fail(fmt::format("{}: {} finite values of {} and more, which become infinite where the language model "
                            "is loaded on CUDA, as float16: {}. It works on the CPU only",
                            harness::exports::FileName(role), FormatCount(bad.count, "tensor holds", "tensors hold"),
                            harness::weights::kFloat16Overflow, bad.Join()),
                largest, harness::weights::kFloat16Overflow)
        .WithRemedy("Clamp these weights, or train them again");
  });
}

}  // namespace conformance
