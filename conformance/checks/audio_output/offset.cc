#include <cmath>

#include "conformance/checks/audio_output/figure.h"

namespace conformance {

Outcome CheckOffset(Context& context, const GenerationCase& of) {
  return CheckFigure(
      context, of,
      {"audio.max_offset_ratio", false,
       [](const harness::audio::SignalMeasures& m) { return m.rms == 0 ? 0 : std::abs(m.mean) / m.rms; },
       "the constant part (|mean| / rms)",
       "The output hangs at a constant: a bias of the decoder's last layer outweighs the signal",
       "Look at the biases of the decoder's last layers (compression_state_dict.bin: decoder.model), or export the "
       "codec that the model was trained with"});
}

}  // namespace conformance
