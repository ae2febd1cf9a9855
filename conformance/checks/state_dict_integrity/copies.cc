#include "conformance/checks/state_dict_integrity/check_weights.h"
#include "conformance/framework/fault_list.h"
#include "harness/architecture/agreement.h"

namespace conformance {

using harness::exports::Role;

Outcome CheckCopies(Context& context, Role role) {
  return CheckWeights(context, role, [&](const std::vector<harness::weights::Weight>& weights) {
    FaultList copies;
    for (const auto& group : harness::weights::FindCopiedModules(weights))
      copies.Add(harness::architecture::FoldNames(group));
    const nlohmann::json measured = {{"copies", copies.count}}, limit = {{"copies", 0}};
    if (copies.count == 0) return Pass(measured, limit);
    return Fail(fmt::format("{}: {} are copies of each other, bit for bit. Training leaves no two alike: a script that "
                            "renamed, merged or added {} wrote one over the other, or a model that was extended by "
                            "copies was never trained",
                            harness::exports::FileName(role), copies.Join(),
                            role == Role::kLanguageModel ? "layers" : "codebooks"),
                measured, limit)
        .WithRemedy("Export the trained checkpoint again, without that script");
  });
}

}  // namespace conformance
