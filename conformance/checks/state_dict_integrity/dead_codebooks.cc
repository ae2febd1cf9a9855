#include <algorithm>

#include "conformance/checks/state_dict_integrity/check_weights.h"
#include "conformance/framework/fault_list.h"

namespace conformance {

using harness::exports::Role;

Outcome CheckDeadCodebooks(Context& context, Role role) {
  return CheckWeights(context, role, [&](const std::vector<harness::weights::Weight>& weights) {
    const double max_dead = context.GetLimit("codebook.max_dead_share");
    double most_dead = 0;
    FaultList dead;
    for (const auto& codebook : harness::weights::CountDeadEntries(weights)) {
      most_dead = std::max(most_dead, codebook.share());
      if (codebook.share() <= max_dead) continue;  // written so that a NaN limit fails
      dead.Add(fmt::format("{} ({} of {} entries)", codebook.name, codebook.dead, codebook.entries));
    }
    const nlohmann::json measured = {{"dead_share", most_dead}}, limit = {{"dead_share", max_dead}};
    if (dead.count == 0) return Pass(measured, limit);
    return Fail(fmt::format("{}: {}: {}. An entry that is zero, or equal to an earlier one, is dead, and more than "
                            "codebook.max_dead_share = {} of them are: the codebook collapsed in training, or part of "
                            "it was lost",
                            harness::exports::FileName(role),
                            FormatCount(dead.count, "codebook is dead", "codebooks are dead"), dead.Join(), max_dead),
                measured, limit)
        .WithRemedy("Export an earlier checkpoint of the codec, or train it with rvq.threshold_ema_dead_code above 0");
  });
}

}  // namespace conformance
