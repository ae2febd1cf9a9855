#include "conformance/checks/audio_output/figure.h"

namespace conformance {

Outcome CheckClipping(Context& context, const GenerationCase& of) {
  return CheckFigure(
      context, of,
      {"audio.max_clipped_share", false, [](const harness::audio::SignalMeasures& m) { return m.clipped_share; },
       "the share of samples beyond full scale", "The decoder's gain is far too high, and the music plays as noise",
       "Look at the weights of the decoder's last layers (compression_state_dict.bin: decoder.model), or export the codec "
       "that the model was trained with"});
}

}  // namespace conformance
