#include "conformance/checks/audio_output/figure.h"

namespace conformance {

Outcome CheckLevel(Context& context, const GenerationCase& of) {
  return CheckFigure(context, of,
                     {"audio.min_rms", true, [](const harness::audio::SignalMeasures& m) { return m.rms; },
                      "the level (rms, full scale 1)",
                      "The decoder can only be silent: its last layers or the codebooks are near zero",
                      "Export a trained checkpoint of the codec"});
}

}  // namespace conformance
