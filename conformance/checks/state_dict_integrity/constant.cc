#include "conformance/checks/state_dict_integrity/check_weights.h"
#include "harness/architecture/agreement.h"

namespace conformance {

using harness::Role;

Outcome CheckConstant(Context& context, Role role) {
  return CheckWeights(context, role, [&](const std::vector<harness::Weight>& weights) {
    const auto constant = harness::ConstantTensors(weights);
    const nlohmann::json measured = {{"constant", constant.size()}}, limit = {{"constant", 0}};
    if (constant.empty()) return Pass(measured, limit);
    return Fail(fmt::format("{}: {} one value throughout: {}. Training leaves no matrix so: it was filled by hand and "
                            "never trained, or it is not the parameter that its name says",
                            harness::FileName(role), FormatCount(constant.size(), "tensor holds", "tensors hold"),
                            harness::FoldNames(constant)),
                measured, limit)
        .WithRemedy("Export the weights of a trained checkpoint under these names");
  });
}

}  // namespace conformance
