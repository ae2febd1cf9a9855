#include "conformance/checks/audio_output/audio_output.h"

#include "conformance/framework/graph.h"

namespace conformance {

std::vector<Check> ListAudioOutputChecks(const RunPlan& plan) {
  std::vector<Check> checks;
  for (const GenerationCase& of : plan.cases) {
    const auto add = [&](const ids::OfCase& id, std::vector<std::string> needs,
                         Outcome (*evaluate)(Context&, const GenerationCase&)) {
      checks.push_back({.id = id(of),
                        .needs = std::move(needs),
                        .evaluate = [evaluate, of](Context& c) { return evaluate(c, of); },
                        .device = of.device});
    };
    // Each waits for what would explain it: codes that collapse make a loop, silence has an offset and no level.
    add(ids::kLength, {ids::kCodes(of)}, CheckLength);
    add(ids::kFiniteSound, {ids::kCodes(of)}, CheckFiniteSound);
    add(ids::kCodebookUse, {ids::kCodes(of)}, CheckCodebookUse);
    add(ids::kLevel, {ids::kFiniteSound(of)}, CheckLevel);
    add(ids::kClipping, {ids::kFiniteSound(of)}, CheckClipping);
    add(ids::kOffset, {ids::kLevel(of)}, CheckOffset);
    add(ids::kStuck, {ids::kLevel(of), ids::kCodebookUse(of)}, CheckStuck);
  }
  return checks;
}

}  // namespace conformance
