// What a codec made of a sound: how far the decoded is from what was encoded.
//
// Nothing here judges. A codec of 1 to 2 kbit/s keeps few phases, so that what can be relied on are energies: the sound
// is compared in logarithmic bands over time, of which each band's mean is taken off, since a codec may well be duller
// than the sound was. Waveforms are correlated as well: that says most about low notes, and where it is high, how far the
// decoded is displaced. Several channels are compared by their mean.
//
// NaN first: a figure that can't be computed (a sound that is not finite, silent, or shorter than four windows) is NaN.
#pragma once

#include <cstdint>

#include "harness/audio/wav.h"

namespace harness::audio {

struct RoundTrip {
  int64_t samples = 0, decoded_samples = 0;  // of each channel
  int64_t not_finite = 0;                    // of the decoded
  double gain_db;                            // its AC rms against the reference's
  double mean;                               // its DC offset, relative to full scale
  double clipped_share;                      // of its samples with |x| >= 1
  double band_correlation;                   // -1..1; 0: another sound's
  double band_error_db;                      // mean |difference| of band levels, at the same rms
  double wave_correlation;                   // -1..1, at no displacement; negative: upside down
  double best_wave_correlation;              // -1..1, the largest in size within a quarter of a second,
  int64_t delay_samples;                     // and where it is; above 0: the decoded is late
};

// Both at one rate; where their lengths differ, as far as the shorter one goes.
RoundTrip CompareRoundTrip(const Waveform& reference, const Waveform& decoded);

}  // namespace harness::audio
