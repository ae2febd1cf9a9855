#include <algorithm>

#include "conformance/checks/state_dict_integrity/check_weights.h"
#include "harness/architecture/agreement.h"

namespace conformance {

using harness::exports::Role;

namespace {

// The gain or the weight of a convolution that everything goes through; residual blocks and the LSTM have a way around.
bool StopsTheDecoder(const std::string& name) {
  return name.starts_with("decoder.") && name.find(".conv") != std::string::npos &&
         name.find(".block.") == std::string::npos && (name.ends_with(".weight_g") || name.ends_with(".weight"));
}

struct Advice {
  const char* cause;
  const char* remedy;
};

// What all-zero tensors mean depends on which they are.
Advice ExplainZeros(const std::vector<std::string>& zero) {
  const auto any = [&](auto&& is) { return std::any_of(zero.begin(), zero.end(), is); };
  if (any([](const std::string& name) { return name.ends_with("._codebook.embed"); })) {
    return {
        "Codebooks that were never initialised decode every code alike: the codec was exported before its first "
        "training step",
        "Export a trained checkpoint of the codec"};
  }
  if (any(StopsTheDecoder)) {
    return {
        "Nothing passes such a layer of the decoder: whatever the codes, it gives silence or one value. The layer "
        "was never trained, or it was lost in a sparse copy",
        "Export a trained checkpoint of the codec, or copy the file again"};
  }
  return {
      "Training leaves no such weight: it was never trained, not gathered from the other ranks (FSDP), or lost in "
      "a sparse copy",
      "Export a trained checkpoint, with the full state dict where it was trained with FSDP, or copy the file "
      "again"};
}

}  // namespace

Outcome CheckZero(Context& context, Role role) {
  return CheckWeights(context, role, [&](const std::vector<harness::weights::Weight>& weights) {
    const auto zero = harness::weights::FindZeroTensors(weights);
    const nlohmann::json measured = {{"zero", zero.size()}}, limit = {{"zero", 0}};
    if (zero.empty()) return Pass(measured, limit);
    const Advice advice = ExplainZeros(zero);
    return Fail(fmt::format("{}: {} all zero: {}. {}", harness::exports::FileName(role),
                            FormatCount(zero.size(), "tensor is", "tensors are"),
                            harness::architecture::FoldNames(zero), advice.cause),
                measured, limit)
        .WithRemedy(advice.remedy);
  });
}

}  // namespace conformance
