#include <fmt/format.h>

#include <algorithm>

#include "conformance/checks/generation/generation.h"
#include "conformance/framework/production_run.h"
#include "harness/architecture/conditioner_kind.h"

namespace conformance {

// Two logits this near are a tie: another order of the same sums decides it, and every later code follows.
static constexpr double kTie = 1e-3;

// A conditioner that the audiocraft of PyPI does not know.
static bool NeedsNewer(Context& context) {
  const auto& conditioners = context.exported().lm_spec()->conditioners;
  return std::any_of(conditioners.begin(), conditioners.end(),
                     [](const auto& c) { return FindConditionerKind(c).needs_audiocraft != nullptr; });
}

Outcome CheckProductionLoader(Context& context) {
  const ProductionRun& run = context.Production();
  switch (run.outcome) {
    case ProductionRun::Outcome::kNotRun: return Skip(reason::kStageLeftNothing, run.message).WithRemedy(run.remedy);
    case ProductionRun::Outcome::kNoAudiocraft: return RunFailed(run.message).WithRemedy(run.remedy);
    case ProductionRun::Outcome::kRaises:
      return Fail(fmt::format("MusicGen.get_pretrained, run by AUDIOCRAFT_PYTHON, fails on this export although every "
                              "check of this suite passes: {}",
                              run.message))
          .WithRemedy(
              run.stage == "load" && NeedsNewer(context)
                  ? "Name a Python with a newer audiocraft: this one is too old for the conditioner"
                  : "Look whether that Python's audiocraft is complete; if it is, this suite is wrong: report it");
    case ProductionRun::Outcome::kRuns: break;
  }
  const nlohmann::json measured = {
      {"audiocraft", run.audiocraft}, {"load_s", run.load_s}, {"codes", run.codes}, {"differing_codes", run.differing}};
  if (run.differing == 0 || run.gap < kTie) return Pass(measured, {{"differing_codes", 0}});
  return Fail(fmt::format("audiocraft {} generates other codes than this suite: {} of {}, from frame {} on, where this "
                          "suite's best logit leads by {:.3g}. One of the two computes another model than was trained",
                          run.audiocraft, run.differing, run.codes, run.first_frame, run.gap),
              measured, {{"differing_codes", 0}})
      .WithRemedy("Report it, with the export");
}

}  // namespace conformance
