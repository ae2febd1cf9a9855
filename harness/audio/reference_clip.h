// Music that the suite makes itself, to ask models about: a melody, a bass, chords and drums, 110 beats a minute.
//
// It is deterministic: what is random comes from a 32-bit generator of its own, and sines and decays are recurrences, so
// that libraries of mathematics and compilers change a sample by less than kReferenceClipTolerance. Another sample rate
// gives the same music, without the harmonics that it has no room for. In two channels the melody stands right and the
// chords left. scripts/oracle/music.py makes other compositions of the same instruments: no model is trained with this
// one.
#pragma once

#include "harness/audio/wav.h"
#include "harness/base/result.h"

namespace harness::audio {

inline constexpr double kReferenceClipPeak = 0.5;
inline constexpr double kReferenceClipTolerance = 1e-6;
inline constexpr double kMaxReferenceSeconds = 60;

// `channels`: 1 or 2; floor(seconds * sample_rate_hz) frames. Errors: kUnsupported (another number of channels, more
// than kMaxReferenceSeconds, less than one sample, more than kMaxReadSamples).
Result<Waveform> MakeReferenceClip(int64_t sample_rate_hz, int64_t channels, double seconds);

}  // namespace harness::audio
