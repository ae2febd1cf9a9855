#include "harness/audio/signal_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <random>
#include <string>
#include <vector>

namespace harness::audio {
namespace {

constexpr int kRateHz = 32000;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Either side NaN: both must be.
MATCHER_P2(Near, expected, tolerance,
           "is within " + testing::PrintToString(tolerance) + " of " + testing::PrintToString(expected)) {
  if (std::isnan(expected)) return std::isnan(arg);
  return std::abs(arg - expected) <= tolerance;
}

Waveform Mono(double duration_s, const std::function<double(int)>& sample) {
  Waveform waveform{kRateHz, 1, {}};
  for (int n = 0; n < duration_s * kRateHz; ++n) waveform.samples.push_back(static_cast<float>(sample(n)));
  return waveform;
}

Waveform Noise(double duration_s, unsigned seed = 1) {
  std::mt19937 generator(seed);
  return Mono(duration_s, [&](int) { return static_cast<double>(generator()) / 4294967296.0 - 0.5; });
}

double Sine(double hz, int n) { return std::sin(2 * std::numbers::pi * hz * n / kRateHz); }

struct Case {
  std::string name;
  Waveform waveform;
  double peak, rms, mean, ac_rms, crest_factor, clipped_share, longest_constant_run_s, silent_share, repeated_share;
};

std::vector<Case> Cases() {
  const double root_half = std::sqrt(0.5);
  return {
      // 80 samples a period: both halves of every window hold whole periods.
      {"Sine", Mono(1, [](int n) { return 0.5 * Sine(400, n); }), 0.5, 0.5 * root_half, 0, 0.5 * root_half,
       std::sqrt(2.0), 0, 1.0 / kRateHz, 0, 1},
      {"SineWithOffset", Mono(1, [](int n) { return 0.25 + 0.5 * Sine(400, n); }), 0.75, std::sqrt(0.0625 + 0.125),
       0.25, 0.5 * root_half, 0.75 / std::sqrt(0.1875), 0, 1.0 / kRateHz, 0, 1},
      {"Square", Mono(1, [](int n) { return n / 40 % 2 == 0 ? 0.5 : -0.5; }), 0.5, 0.5, 0, 0.5, 1, 0, 40.0 / kRateHz, 0,
       1},
      {"SquareAtFullScale", Mono(1, [](int n) { return n / 40 % 2 == 0 ? 1.0 : 0.5; }), 1, std::sqrt(0.625), 0.75, 0.25,
       1 / std::sqrt(0.625), 0.5, 40.0 / kRateHz, 0, 1},
      {"DirectCurrent", Mono(1, [](int) { return 0.1f; }), 0.1, 0.1, 0.1, 0, 1, 0, 1, 1, 1},
      {"Silence", Mono(1, [](int) { return 0; }), 0, 0, 0, 0, kNaN, 0, 1, 1, 1},
      {"AlmostSilence", Mono(1, [](int n) { return n % 2 == 0 ? 9e-5 : -9e-5; }), 9e-5, 9e-5, 0, 9e-5, 1, 0,
       1.0 / kRateHz, 1, 1},
      {"JustNotSilence", Mono(1, [](int n) { return n % 2 == 0 ? 1.1e-4 : -1.1e-4; }), 1.1e-4, 1.1e-4, 0, 1.1e-4, 1, 0,
       1.0 / kRateHz, 0, 1},
      // 0.25 s of 1 s is silent: 5 of 20 windows.
      {"SilentQuarter", Mono(1, [](int n) { return n < 8000 ? 0 : (n % 2 == 0 ? 0.5 : -0.5); }), 0.5,
       0.5 * std::sqrt(0.75), 0, 0.5 * std::sqrt(0.75), 1 / std::sqrt(0.75), 0, 0.25, 0.25, 18.0 / 19},
      {"OneSample", Mono(1.0 / kRateHz, [](int) { return 0.5; }), 0.5, 0.5, 0.5, 0, 1, 0, 1.0 / kRateHz, 1, kNaN},
      {"Nothing", {kRateHz, 1, {}}, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN},
      {"OneNaN", Mono(1, [](int n) { return n == 7 ? kNaN : 0.5; }), kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN,
       kNaN},
      {"NaNAndInfinity",
       {kRateHz, 1, {static_cast<float>(kNaN), kInfinity}},
       kNaN,
       kNaN,
       kNaN,
       kNaN,
       kNaN,
       kNaN,
       kNaN,
       kNaN,
       kNaN},
  };
}

TEST(SignalStatistics, AreWhatTheHandDerives) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(c.name);
    const SignalStatistics statistics = ComputeSignalStatistics(c.waveform);
    ASSERT_EQ(statistics.channels.size(), 1u);
    // 1e-7: the samples are float32.
    for (const SignalMeasures& m : {statistics.overall, statistics.channels[0]}) {
      EXPECT_EQ(m.samples, static_cast<int64_t>(c.waveform.samples.size()));
      EXPECT_THAT(m.peak, Near(c.peak, 1e-7));
      EXPECT_THAT(m.rms, Near(c.rms, 1e-7));
      EXPECT_THAT(m.mean, Near(c.mean, 1e-7));
      EXPECT_THAT(m.ac_rms, Near(c.ac_rms, 1e-7));
      EXPECT_THAT(m.crest_factor, Near(c.crest_factor, 1e-6));
      EXPECT_THAT(m.clipped_share, Near(c.clipped_share, 1e-12));
      EXPECT_THAT(m.longest_constant_run_s, Near(c.longest_constant_run_s, 1e-12));
      EXPECT_THAT(m.silent_share, Near(c.silent_share, 1e-12));
      EXPECT_THAT(m.repeated_share, Near(c.repeated_share, 1e-12));
    }
  }
}

TEST(SignalStatistics, CountsNaNAndInfinity) {
  const SignalMeasures m =
      ComputeSignalStatistics({kRateHz, 1, {0.f, static_cast<float>(kNaN), kInfinity, -kInfinity}}).overall;
  EXPECT_EQ(m.nan, 1);
  EXPECT_EQ(m.infinite, 2);
}

TEST(SignalStatistics, InfinityIsClippedAndHasNoShape) {
  Waveform waveform = Noise(1);
  waveform.samples[5] = -kInfinity;
  const SignalMeasures m = ComputeSignalStatistics(waveform).overall;
  EXPECT_EQ(m.peak, kInfinity);
  EXPECT_EQ(m.rms, kInfinity);
  EXPECT_EQ(m.mean, -kInfinity);
  EXPECT_EQ(m.clipped_share, 1.0 / kRateHz);
  for (double value : {m.ac_rms, m.crest_factor, m.silent_share, m.repeated_share, m.loop_correlation})
    EXPECT_TRUE(std::isnan(value));
}

TEST(SignalStatistics, WhatIsNoWaveformIsNaN) {
  for (const Waveform& waveform : {Waveform{kRateHz, 0, {1.f}}, Waveform{0, 1, {1.f}}, Waveform{kRateHz, 2, {1.f}}}) {
    const SignalStatistics statistics = ComputeSignalStatistics(waveform);
    EXPECT_TRUE(std::isnan(statistics.overall.peak));
    EXPECT_TRUE(std::isnan(statistics.overall.silent_share));
    EXPECT_TRUE(statistics.channels.empty());
  }
}

// Left: DC of +0.5, right: -0.5. No AC in either, and none may appear by pooling.
TEST(SignalStatistics, PoolsChannels) {
  Waveform stereo{kRateHz, 2, {}};
  for (int n = 0; n < kRateHz; ++n) stereo.samples.insert(stereo.samples.end(), {0.5f, -0.5f});
  const SignalStatistics dc = ComputeSignalStatistics(stereo);
  EXPECT_EQ(dc.duration_s, 1.0);
  EXPECT_EQ(dc.channels[0].mean, 0.5);
  EXPECT_EQ(dc.channels[1].mean, -0.5);
  EXPECT_EQ(dc.overall.mean, 0);
  EXPECT_EQ(dc.overall.ac_rms, 0);
  EXPECT_EQ(dc.overall.rms, 0.5);
  EXPECT_EQ(dc.overall.samples, 2 * kRateHz);

  const Waveform noise = Noise(1);
  for (size_t n = 0; n < noise.samples.size(); ++n) stereo.samples[2 * n] = noise.samples[n];
  const SignalStatistics one_dead = ComputeSignalStatistics(stereo);
  EXPECT_EQ(one_dead.channels[1].silent_share, 1);
  EXPECT_EQ(one_dead.channels[1].repeated_share, 1);
  EXPECT_EQ(one_dead.overall.silent_share, 0) << "the other channel plays";
  EXPECT_EQ(one_dead.overall.repeated_share, 0);
  EXPECT_EQ(one_dead.overall.longest_constant_run_s, 1) << "the worst channel";

  stereo.samples[1] = static_cast<float>(kNaN);
  const SignalStatistics one_nan = ComputeSignalStatistics(stereo);
  EXPECT_TRUE(std::isnan(one_nan.overall.rms));
  EXPECT_TRUE(std::isnan(one_nan.channels[1].rms));
  EXPECT_FALSE(std::isnan(one_nan.channels[0].rms));
}

// A codebook that is stuck decodes to one codec frame (20 ms at 32 kHz: no divisor of the 50 ms window) over and over.
TEST(SignalLoop, FindsLoopsOfAnyLength) {
  for (int period : {320, 640, 641, 1600, 9973, 32000}) {
    SCOPED_TRACE(period);
    const Waveform noise = Noise(2);
    Waveform loop = noise;
    for (size_t n = 0; n < loop.samples.size(); ++n) loop.samples[n] = noise.samples[n % static_cast<size_t>(period)];
    const SignalMeasures m = ComputeSignalStatistics(loop).overall;
    EXPECT_EQ(m.repeated_share, 1);
    EXPECT_GT(m.loop_correlation, 0.999);
    EXPECT_THAT(std::remainder(m.repeated_lag_s * kRateHz, period), Near(0.0, 1e-6));
  }
}

TEST(SignalLoop, LetsNoiseAndLevelledLoopsThrough) {
  const SignalMeasures noise = ComputeSignalStatistics(Noise(2)).overall;
  EXPECT_EQ(noise.repeated_share, 0);
  EXPECT_TRUE(std::isnan(noise.repeated_lag_s));
  EXPECT_LT(noise.loop_correlation, 0.1);

  // The same bar again and again, a little of something else on top: music.
  const Waveform bar = Noise(2, 2);
  Waveform music = Noise(2, 3);
  for (size_t n = 0; n < music.samples.size(); ++n) music.samples[n] = bar.samples[n % 8000] + 0.01f * music.samples[n];
  const SignalMeasures m = ComputeSignalStatistics(music).overall;
  EXPECT_EQ(m.repeated_share, 0);
  EXPECT_GT(m.loop_correlation, 0.99);
  EXPECT_THAT(std::remainder(m.loop_correlation_lag_s, 0.25), Near(0.0, 1e-9));
}

TEST(SignalLoop, ToleranceIsThatOfSilence) {
  const auto with_step = [](double step) {
    return ComputeSignalStatistics(Mono(1, [step](int n) { return 0.25 * (n % 640 / 640.0) + step * (n / 640); }))
        .overall;
  };
  EXPECT_EQ(with_step(5e-5).repeated_share, 1);
  EXPECT_EQ(with_step(5e-4).repeated_share, 0);
}

TEST(SignalLoop, CountsTheStuckPart) {
  Waveform half = Noise(2);
  for (size_t n = 32000; n < half.samples.size(); ++n) half.samples[n] = half.samples[n - 640];
  EXPECT_NEAR(ComputeSignalStatistics(half).overall.repeated_share, 0.5, 0.05);  // +- the windows at the seam
}

}  // namespace
}  // namespace harness::audio
