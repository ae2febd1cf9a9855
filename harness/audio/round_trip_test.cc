#include "harness/audio/round_trip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "harness/audio/reference_clip.h"

namespace harness::audio {
namespace {

constexpr int64_t kRate = 16000;

Waveform MakeClip(int64_t channels = 1) { return MakeReferenceClip(kRate, channels, 2).value(); }

Waveform Change(Waveform wav, const std::function<float(float)>& change) {
  for (float& sample : wav.samples) sample = change(sample);
  return wav;
}

// By `lag` frames later, or earlier.
Waveform Delay(const Waveform& wav, int64_t lag) {
  Waveform late = wav;
  for (int64_t i = 0; i < wav.frames(); ++i) {
    const int64_t from = i - lag;
    late.samples[static_cast<size_t>(i)] =
        from < 0 || from >= wav.frames() ? 0 : wav.samples[static_cast<size_t>(from)];
  }
  return late;
}

TEST(RoundTrip, OfTheSameSoundIsPerfect) {
  for (const int64_t channels : {1, 2}) {
    const RoundTrip same = CompareRoundTrip(MakeClip(channels), MakeClip(channels));
    EXPECT_EQ(same.samples, 2 * kRate);
    EXPECT_EQ(same.decoded_samples, 2 * kRate);
    EXPECT_EQ(same.gain_db, 0);
    EXPECT_NEAR(same.band_correlation, 1, 1e-9);
    EXPECT_EQ(same.band_error_db, 0);
    EXPECT_NEAR(same.wave_correlation, 1, 1e-9);
    EXPECT_EQ(same.delay_samples, 0);
    EXPECT_EQ(same.clipped_share, 0);
  }
}

TEST(RoundTrip, MeasuresGainAndOffset) {
  const RoundTrip trip =
      CompareRoundTrip(MakeClip(), Change(MakeClip(), [](float sample) { return -0.1f * sample + 0.25f; }));
  EXPECT_NEAR(trip.gain_db, -20, 0.01);
  EXPECT_NEAR(trip.mean, 0.25, 0.002);
  EXPECT_NEAR(trip.wave_correlation, -1, 1e-6);
  EXPECT_GT(trip.band_correlation, 0.99);
  EXPECT_LT(trip.band_error_db, 1);
}

TEST(RoundTrip, FindsADelay) {
  for (const int64_t lag : {-700, -1, 1, 333, 3999}) {
    const RoundTrip trip = CompareRoundTrip(MakeClip(), Delay(MakeClip(), lag));
    EXPECT_EQ(trip.delay_samples, lag);
    EXPECT_GT(trip.best_wave_correlation, 0.8);
  }
}

TEST(RoundTrip, TellsAnotherSound) {
  const Waveform clip = MakeClip();
  uint32_t state = 1;
  const RoundTrip noise = CompareRoundTrip(clip, Change(clip, [&](float) {
                                             state = 1664525u * state + 1013904223u;
                                             return static_cast<float>(state / 8589934592.0 - 0.25);
                                           }));
  EXPECT_LT(std::fabs(noise.band_correlation), 0.1);
  EXPECT_GT(noise.band_error_db, 8);
  // Of which no phase is kept: each sample's sign by chance would be noise again, so every 4 ms turn over at random.
  size_t i = 0;
  const RoundTrip phases = CompareRoundTrip(clip, Change(clip, [&](float sample) {
                                              if (i++ % 64 == 0) state = 1664525u * state + 1013904223u;
                                              return (state >> 31) != 0 ? sample : -sample;
                                            }));
  EXPECT_LT(std::fabs(phases.wave_correlation), 0.3);
  EXPECT_GT(phases.band_correlation, 0.5);
}

TEST(RoundTrip, CountsClippingAndWhatIsNotFinite) {
  const RoundTrip loud = CompareRoundTrip(MakeClip(), Change(MakeClip(), [](float sample) { return 40 * sample; }));
  EXPECT_GT(loud.clipped_share, 0.5);
  const RoundTrip broken = CompareRoundTrip(MakeClip(), Change(MakeClip(), [](float sample) {
                                              return sample > 0 ? std::numeric_limits<float>::infinity() : sample;
                                            }));
  EXPECT_GT(broken.not_finite, 1000);
  EXPECT_TRUE(std::isnan(broken.gain_db));
  EXPECT_TRUE(std::isnan(broken.band_correlation));
}

TEST(RoundTrip, SaysNothingOfNothing) {
  const RoundTrip silent = CompareRoundTrip(MakeClip(), Change(MakeClip(), [](float) { return 0; }));
  EXPECT_EQ(silent.gain_db, -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(silent.band_correlation));
  EXPECT_TRUE(std::isnan(CompareRoundTrip({kRate, 1, {}}, {kRate, 1, {}}).gain_db));
  Waveform brief = MakeClip();
  brief.samples.resize(300);
  const RoundTrip trip = CompareRoundTrip(brief, MakeClip());
  EXPECT_TRUE(std::isnan(trip.band_correlation));
  EXPECT_NEAR(trip.wave_correlation, 1, 1e-9);
  EXPECT_EQ(trip.decoded_samples, 2 * kRate);
}

}  // namespace
}  // namespace harness::audio
