#include "conformance/checks/audio_output/figure.h"

namespace conformance {

Outcome CheckClipping(Context& context, const GenerationCase& of) {
  return JudgeFigure(
      context, of,
      {"audio.max_clipped_share", false, [](const harness::SignalMeasures& m) { return m.clipped_share; },
       "the share of samples beyond full scale", "The decoder's gain is far too high: it plays as noise"});
}

}  // namespace conformance
