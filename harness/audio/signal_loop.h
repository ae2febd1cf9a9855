// Does a signal repeat itself? For output that buzzes (a stuck codebook decodes to one codec frame over and over),
// loops, or is a plain tone.
//
// Two measures, for 10 ms <= lag <= half the signal:
//   loop_correlation  the highest local maximum of the normalised autocorrelation of x - mean(x):
//                     sum x[n] x[n-lag] / sqrt(sum x[n]^2 * sum x[n-lag]^2). Recorded for people: music with a steady
//                     beat reaches 0.9, so this alone is no verdict.
//   repeated_share    the largest share of 50 ms windows whose every sample is within 1e-4 (-80 dB: what counts as
//                     silence) of the sample one lag before, over the 16 lags with the highest local maxima, and the
//                     lag of one window. Constant windows repeat, and so do silent ones.
// Measured with audiocraft's EnCodec (32 kHz, random weights, 4 s): constant codes 0.87 to 0.90, a loop of 7 frames
// 0.87 to 0.90, random codes 0. What is missing to 1 is the time in which the LSTM settles: each period comes closer to
// the one before, so that a tolerance of 1e-6 finds 0.44 to 0.82 only. At most the first 60 s are looked at.
// Precondition: finite samples, all channels equally long. NaN: too short (less than two windows), or, for the
// correlation, nothing but a constant.
#pragma once

#include <span>
#include <vector>

namespace harness::audio {

inline constexpr double kSignalWindowS = 0.05;
inline constexpr double kRepeatTolerance = 1e-4;

struct SignalLoop {
  double repeated_share;
  double repeated_lag_s;  // NaN where nothing repeats
  double correlation;
  double correlation_lag_s;
};

SignalLoop MeasureLoop(std::span<const std::vector<float>> channels, int sample_rate_hz);  // [C][N]

}  // namespace harness::audio
