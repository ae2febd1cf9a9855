#include <fmt/ranges.h>

#include <algorithm>

#include "conformance/checks/state_dict_integrity/over_weights.h"
#include "conformance/framework/offenders.h"
#include "harness/architecture/agreement.h"

namespace conformance {

using harness::Role;

namespace {

// The gain or the weight of a convolution that everything goes through; residual blocks and the LSTM have a way around.
bool StopsTheDecoder(const std::string& name) {
  return name.starts_with("decoder.") && name.find(".conv") != std::string::npos &&
         name.find(".block.") == std::string::npos && (name.ends_with(".weight_g") || name.ends_with(".weight"));
}

// What all-zero tensors mean depends on which they are.
std::string DescribeZeros(const std::vector<std::string>& zero) {
  const auto any = [&](auto&& is) { return std::any_of(zero.begin(), zero.end(), is); };
  const char* cause =
      "Such are weights that were never trained, not gathered from other ranks (FSDP), or lost in a sparse copy";
  if (any([](const std::string& name) { return name.ends_with("._codebook.embed"); })) {
    cause =
        "Codebooks that were never initialised decode every code alike: the codec was exported before its first "
        "training step";
  } else if (any(StopsTheDecoder)) {
    cause =
        "Nothing passes such a layer of the decoder: whatever the codes, it gives silence or one value. It was "
        "never trained, or lost in a sparse copy";
  }
  return fmt::format("{} all zero: {}. {}", Plural(zero.size(), "tensor is", "tensors are"), harness::FoldNames(zero),
                     cause);
}

}  // namespace

Outcome CheckInitialised(Context& context, Role role) {
  return OverWeights(context, role, [&](const std::vector<harness::Weight>& weights) {
    const auto zero = harness::ZeroTensors(weights), constant = harness::ConstantTensors(weights);
    const auto initial = harness::LayersAtInitialValues(weights);
    const auto copies = harness::CopiedModules(weights);
    const double max_dead = context.LimitOf("codebook.max_dead_share");
    double most_dead = 0;
    std::vector<std::string> findings;
    if (!zero.empty()) findings.push_back(DescribeZeros(zero));
    if (!constant.empty()) {
      findings.push_back(
          fmt::format("{} one value throughout: {}. Training leaves no matrix so: it was filled by hand "
                      "and never trained, or is not the parameter that it is called",
                      Plural(constant.size(), "tensor holds", "tensors hold"), harness::FoldNames(constant)));
    }
    if (!initial.empty()) {
      findings.push_back(
          fmt::format("{} initial values: {}. Every norm there is exactly 1 and its bias 0, which one training step "
                      "changes, and another layer's have learned. Such layers were not gathered from other ranks "
                      "(FSDP), or missed when a checkpoint was loaded with strict=False",
                      Plural(initial.size(), "layer is at its", "layers are at their"), harness::FoldNames(initial)));
    }
    if (!copies.empty()) {
      Offenders alike;
      for (const auto& group : copies) alike.Add(harness::FoldNames(group));
      findings.push_back(
          fmt::format("{} are copies of each other, bit for bit. Training leaves no two alike: a script "
                      "that renamed, merged or added layers wrote one over the other, or a model that "
                      "was extended by copies was never trained",
                      alike.Text()));
    }
    Offenders dead;
    for (const auto& codebook : harness::CountDeadEntries(weights)) {
      most_dead = std::max(most_dead, codebook.share());
      // Written so that a NaN limit fails; what is zero throughout was told above.
      if (codebook.share() <= max_dead || std::find(zero.begin(), zero.end(), codebook.name) != zero.end()) continue;
      dead.Add(fmt::format("{} ({} of {} entries)", codebook.name, codebook.dead, codebook.entries));
    }
    if (dead.count > 0) {
      findings.push_back(fmt::format(
          "{}: {}. An entry that is zero, or equal to an earlier one, is dead, and more than codebook.max_dead_share = "
          "{} of them are: the codebook collapsed in training (set rvq.threshold_ema_dead_code above 0), or part of it "
          "was lost. Export an earlier checkpoint of the codec",
          Plural(dead.count, "codebook is dead", "codebooks are dead"), dead.Text(), max_dead));
    }
    const nlohmann::json measured = {{"zero", zero.size()},
                                     {"constant", constant.size()},
                                     {"initial_layers", initial.size()},
                                     {"copies", copies.size()},
                                     {"dead_share", most_dead}};
    const nlohmann::json limit = {
        {"zero", 0}, {"constant", 0}, {"initial_layers", 0}, {"copies", 0}, {"dead_share", max_dead}};
    if (findings.empty()) return Pass(measured, limit);
    return Fail(fmt::format("{}: {}", harness::FileName(role), fmt::join(findings, ". ")), measured, limit);
  });
}

}  // namespace conformance
