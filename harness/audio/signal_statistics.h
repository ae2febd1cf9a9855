// What a waveform looks like in numbers: enough to tell music from silence, DC, clipping, a constant and a stuck buzz.
//
// Nothing here judges; limits belong to the checks. NaN first: a statistic that can't be computed (a NaN among its
// samples, no samples, infinity minus infinity) is NaN, never a number made of the rest. Every comparison with NaN is
// false: a check asks `passes if value <= limit`, never `fails if value > limit`.
//
// Amplitudes are relative to full scale (1). Windows are 50 ms long, side by side, from the first sample on; a rest
// that fills no window is left out, except where the whole signal is shorter than one: then it is the one window.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/audio/wav.h"

namespace harness::audio {

inline constexpr double kSilentAcRms = 1e-4;  // -80 dB of full scale

// With `overall`, each statistic says how the channels are pooled.
struct SignalMeasures {
  int64_t samples = 0;   // overall: sum
  int64_t nan = 0;       // overall: sum
  int64_t infinite = 0;  // overall: sum
  double peak;           // max |x|; overall: maximum
  double rms;            // sqrt(mean x^2); overall: over all samples
  double mean;           // DC offset; overall: over all samples
  double ac_rms;         // sqrt(mean (x - mean)^2); overall: each channel about its own mean
  double crest_factor;   // peak / rms: 1 a square wave, sqrt(2) a sine; NaN for digital silence
  double clipped_share;  // share of samples with |x| >= 1; overall: over all samples
  // Longest run of samples that all have one value, zero or not. A lone sample is a run of one. Overall: maximum.
  double longest_constant_run_s;
  // Share of windows whose AC rms (about the window's own mean) is below kSilentAcRms. A constant is silent, too.
  // Overall: windows that are silent in every channel.
  double silent_share;
  // Repetition, as signal_loop.h defines it. Overall: frames are compared as a whole, all channels at the same lag.
  double repeated_share;    // 0..1; 1: every window is a copy of what was `repeated_lag_s` before
  double repeated_lag_s;    // NaN where nothing repeats
  double loop_correlation;  // -1..1; highest autocorrelation at a lag of 10 ms and more
  double loop_correlation_lag_s;
};

struct SignalStatistics {
  int sample_rate_hz = 0;
  double duration_s = 0;
  SignalMeasures overall;
  std::vector<SignalMeasures> channels;  // [C]
};

// A waveform that is not well formed (no channels, no rate, a broken last frame) gives NaN overall and no channels.
SignalStatistics ComputeSignalStatistics(const Waveform& waveform);

}  // namespace harness::audio
