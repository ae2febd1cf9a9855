#include "conformance/checks/state_dict_integrity/check_weights.h"
#include "harness/architecture/agreement.h"

namespace conformance {

using harness::exports::Role;

Outcome CheckInitialValues(Context& context, Role role) {
  return CheckWeights(context, role, [&](const std::vector<harness::weights::Weight>& weights) {
    const auto initial = harness::weights::FindLayersAtInitialValues(weights);
    const nlohmann::json measured = {{"initial_layers", initial.size()}}, limit = {{"initial_layers", 0}};
    if (initial.empty()) return Pass(measured, limit);
    return Fail(fmt::format(
                    "{}: {} initial values: {}. Every norm there is exactly 1 and its bias 0, which one training "
                    "step changes, while the norms of other layers have learned. Such layers were not gathered "
                    "from the other ranks (FSDP), or were missing when a checkpoint was loaded with strict=False",
                    harness::exports::FileName(role),
                    FormatCount(initial.size(), "layer is at its", "layers are at their"),
                    harness::architecture::FoldNames(initial)),
                measured, limit)
        .WithRemedy(
            "Gather the full state dict (audiocraft: fsdp_best_state) or load the checkpoint with strict=True, "
            "and export again");
  });
}

}  // namespace conformance
