#include "conformance/checks/audio_output/figure.h"

namespace conformance {

using harness::audio::SignalMeasures;

Outcome CheckStuck(Context& context, const GenerationCase& of) {
  static constexpr Figure kRun = {"audio.max_constant_s",
                                  false,
                                  [](const SignalMeasures& m) { return m.longest_constant_run_s; },
                                  "the longest stretch of one value, in seconds,",
                                  "The decoder gives no signal there",
                                  "Export the codec that the model was trained with"};
  static constexpr Figure kRepeat = {
      "audio.max_repeated_share",
      false,
      [](const SignalMeasures& m) { return m.repeated_share; },
      "the share of 50 ms windows that repeat an earlier one",
      "The model is stuck in a loop: it draws the same codes again and again, or the codebooks decode them alike",
      "Look at the codebooks (quantizer.vq) and at the codes in tokens.npy, or export an earlier checkpoint"};
  Outcome run = CheckFigure(context, of, kRun);
  if (run.status != harness::report::CheckStatus::kPass) return run;
  Outcome repeat = CheckFigure(context, of, kRepeat);
  if (repeat.status != harness::report::CheckStatus::kPass) return repeat;
  return Pass({{"constant_s", run.measured}, {"repeated_share", repeat.measured}},
              {{"constant_s", run.limit}, {"repeated_share", repeat.limit}});
}

}  // namespace conformance
