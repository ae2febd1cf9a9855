#include "harness/audio/signal_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "harness/audio/signal_loop.h"

namespace harness::audio {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

SignalMeasures Unknown() {
  SignalMeasures unknown{};
  for (double SignalMeasures::*measure :
       {&SignalMeasures::peak, &SignalMeasures::rms, &SignalMeasures::mean, &SignalMeasures::ac_rms,
        &SignalMeasures::crest_factor, &SignalMeasures::clipped_share, &SignalMeasures::longest_constant_run_s,
        &SignalMeasures::silent_share, &SignalMeasures::repeated_share, &SignalMeasures::repeated_lag_s,
        &SignalMeasures::loop_correlation, &SignalMeasures::loop_correlation_lag_s}) {
    unknown.*measure = kNaN;
  }
  return unknown;
}

double AcRms(std::span<const float> samples) {
  double sum = 0;
  for (float sample : samples) sum += sample;
  const double mean = sum / static_cast<double>(samples.size());
  double squares = 0;
  for (float sample : samples) squares += (sample - mean) * (sample - mean);
  return std::sqrt(squares / static_cast<double>(samples.size()));
}

int64_t LongestRun(std::span<const float> samples) {
  int64_t longest = 0;
  int64_t run = 0;
  for (size_t n = 0; n < samples.size(); ++n) {
    run = n > 0 && samples[n] == samples[n - 1] ? run + 1 : 1;
    longest = std::max(longest, run);
  }
  return longest;
}

// Share of windows that are silent in every channel. Precondition: finite, not empty.
double SilentShare(std::span<const std::vector<float>> channels, int sample_rate_hz) {
  const size_t frames = channels[0].size();
  const auto nominal = static_cast<size_t>(std::max(1.0, std::round(kSignalWindowS * sample_rate_hz)));
  const size_t window = std::min(nominal, frames);
  size_t silent = 0;
  for (size_t begin = 0; begin + window <= frames; begin += window) {
    silent += std::all_of(channels.begin(), channels.end(), [&](const std::vector<float>& channel) {
      return AcRms(std::span(channel).subspan(begin, window)) < kSilentAcRms;
    });
  }
  return static_cast<double>(silent) / static_cast<double>(frames / window);
}

SignalMeasures Measure(std::span<const std::vector<float>> channels, int sample_rate_hz) {
  SignalMeasures measures = Unknown();
  for (const std::vector<float>& channel : channels) {
    measures.samples += static_cast<int64_t>(channel.size());
    for (float sample : channel) {
      measures.nan += std::isnan(sample);
      measures.infinite += std::isinf(sample);
    }
  }
  if (measures.samples == 0 || measures.nan > 0) return measures;

  const auto count = static_cast<double>(measures.samples);
  double peak = 0;
  double sum = 0;
  double squares = 0;
  double ac_squares = 0;
  int64_t clipped = 0;
  int64_t longest_run = 0;
  for (const std::vector<float>& channel : channels) {
    for (float sample : channel) {
      const double value = sample;
      peak = std::max(peak, std::abs(value));
      sum += value;
      squares += value * value;
      clipped += std::abs(value) >= 1;
    }
    const double ac_rms = AcRms(channel);
    ac_squares += ac_rms * ac_rms * static_cast<double>(channel.size());
    longest_run = std::max(longest_run, LongestRun(channel));
  }
  measures.peak = peak;
  measures.mean = sum / count;
  measures.rms = std::sqrt(squares / count);
  measures.ac_rms = std::sqrt(ac_squares / count);
  measures.crest_factor = measures.peak / measures.rms;  // 0 / 0 and infinity / infinity are NaN
  measures.clipped_share = static_cast<double>(clipped) / count;
  measures.longest_constant_run_s = static_cast<double>(longest_run) / sample_rate_hz;
  if (measures.infinite > 0) return measures;

  measures.silent_share = SilentShare(channels, sample_rate_hz);
  const SignalLoop loop = MeasureLoop(channels, sample_rate_hz);
  measures.repeated_share = loop.repeated_share;
  measures.repeated_lag_s = loop.repeated_lag_s;
  measures.loop_correlation = loop.correlation;
  measures.loop_correlation_lag_s = loop.correlation_lag_s;
  return measures;
}

}  // namespace

SignalStatistics ComputeSignalStatistics(const Waveform& waveform) {
  SignalStatistics statistics;
  statistics.overall = Unknown();
  if (waveform.channels < 1 || waveform.sample_rate_hz < 1 ||
      waveform.samples.size() % static_cast<size_t>(waveform.channels) != 0) {
    return statistics;
  }
  statistics.sample_rate_hz = waveform.sample_rate_hz;
  statistics.duration_s = static_cast<double>(waveform.frames()) / waveform.sample_rate_hz;

  const auto count = static_cast<size_t>(waveform.channels);
  std::vector<std::vector<float>> channels(count);
  for (size_t c = 0; c < count; ++c) {
    channels[c].reserve(static_cast<size_t>(waveform.frames()));
    for (size_t n = c; n < waveform.samples.size(); n += count) channels[c].push_back(waveform.samples[n]);
    statistics.channels.push_back(Measure(std::span(&channels[c], 1), waveform.sample_rate_hz));
  }
  statistics.overall = count == 1 ? statistics.channels[0] : Measure(channels, waveform.sample_rate_hz);
  return statistics;
}

}  // namespace harness::audio
