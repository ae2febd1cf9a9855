#include "conformance/checks/audio_output/figure.h"

namespace conformance {

using harness::SignalMeasures;

Outcome CheckStuck(Context& context, const GenerationCase& of) {
  static constexpr Figure kRun = {"audio.max_constant_s", false,
                                  [](const SignalMeasures& m) { return m.longest_constant_run_s; },
                                  "the longest stretch of one value, in seconds,", "The decoder gives no signal there"};
  static constexpr Figure kRepeat = {"audio.max_repeated_share", false,
                                     [](const SignalMeasures& m) { return m.repeated_share; },
                                     "the share of 50 ms windows that repeat an earlier one",
                                     "The model is stuck in a loop: it draws the same codes again and again"};
  Outcome run = JudgeFigure(context, of, kRun);
  if (run.status != harness::CheckStatus::kPass) return run;
  Outcome repeat = JudgeFigure(context, of, kRepeat);
  if (repeat.status != harness::CheckStatus::kPass) return repeat;
  return Pass({{"constant_s", run.measured}, {"repeated_share", repeat.measured}},
              {{"constant_s", run.limit}, {"repeated_share", repeat.limit}});
}

}  // namespace conformance
