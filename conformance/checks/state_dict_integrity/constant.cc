#include "conformance/checks/state_dict_integrity/check_weights.h"
#include "harness/architecture/agreement.h"

namespace conformance {

using harness::exports::Role;

Outcome CheckConstant(Context& context, Role role) {
  return CheckWeights(context, role, [&](const std::vector<harness::weights::Weight>& weights) {
    const auto constant = harness::weights::FindConstantTensors(weights);
    const nlohmann::json measured = {{"constant", constant.size()}}, limit = {{"constant", 0}};
    if (constant.empty()) return Pass(measured, limit);
    return Fail(fmt::format("{}: {} one value throughout: {}. Training leaves no matrix so: it was filled by hand and "
                            "never trained, or it is not the parameter that its name says",
                            harness::exports::FileName(role),
                            FormatCount(constant.size(), "tensor holds", "tensors hold"),
                            harness::architecture::FoldNames(constant)),
                measured, limit)
        .WithRemedy("Export the weights of a trained checkpoint under these names");
  });
}

}  // namespace conformance
