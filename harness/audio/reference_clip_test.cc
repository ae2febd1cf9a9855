#include "harness/audio/reference_clip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "harness/audio/signal_statistics.h"
#include "harness/testing/matchers.h"

namespace harness::audio {
namespace {

using namespace testing_support;

// Computed with numpy from the sines and exponentials themselves, by the instruments of scripts/oracle/music.py.
TEST(ReferenceClip, IsTheSameMusicEverywhere) {
  const auto mono = MakeReferenceClip(32000, 1, 4);
  ASSERT_THAT(mono, Succeeds());
  const auto stereo = MakeReferenceClip(44100, 2, 2);
  ASSERT_THAT(stereo, Succeeds());
  struct Sample {
    const Waveform& clip;
    size_t index;
    double value;
  };
  const Sample samples[] = {
      {*mono, 100, 0.17561476},     {*mono, 1234, -0.33122111},     {*mono, 17500, 0.21460809},
      {*mono, 64077, 0.02295601},   {*mono, 127000, 0.03680745},    {*mono, 127999, -0.06008237},
      {*stereo, 100, 0.16610414},   {*stereo, 1234, 0.29438414},    {*stereo, 17500, 0.03869583},
      {*stereo, 88277, 0.02687072}, {*stereo, 175400, -0.06622740}, {*stereo, 176399, 0.03050560},
  };
  for (const Sample& sample : samples) {
    EXPECT_NEAR(sample.clip.samples[sample.index], sample.value, kReferenceClipTolerance) << sample.index;
  }
}

TEST(ReferenceClip, SoundsAtAnyRateInOneOrTwoChannels) {
  for (const int64_t rate : {1000, 32000}) {
    for (const int64_t channels : {1, 2}) {
      SCOPED_TRACE(testing::Message() << rate << " Hz, " << channels << " channels");
      const auto clip = MakeReferenceClip(rate, channels, 3.5);
      ASSERT_THAT(clip, Succeeds());
      EXPECT_EQ(clip->frames(), rate * 7 / 2);
      EXPECT_EQ(clip->channels, channels);
      EXPECT_EQ(clip->sample_rate_hz, rate);
      const SignalMeasures measures = ComputeSignalStatistics(*clip).overall;
      EXPECT_FLOAT_EQ(static_cast<float>(measures.peak), static_cast<float>(kReferenceClipPeak));
      EXPECT_GT(measures.rms, 0.05);
      EXPECT_LT(std::fabs(measures.mean), 0.01);
      EXPECT_EQ(measures.silent_share, 0);
      EXPECT_LT(measures.repeated_share, 0.5);
      if (channels == 1) continue;
      bool differ = false;
      for (size_t i = 0; i + 1 < clip->samples.size(); i += 2) differ |= clip->samples[i] != clip->samples[i + 1];
      EXPECT_TRUE(differ);
    }
  }
}

TEST(ReferenceClip, RefusesWhatItCantMake) {
  const auto refused = FailsWith(ErrorCode::kUnsupported, "no clip of");
  EXPECT_THAT(MakeReferenceClip(32000, 0, 1), refused);
  EXPECT_THAT(MakeReferenceClip(32000, 3, 1), refused);
  EXPECT_THAT(MakeReferenceClip(0, 1, 1), refused);
  EXPECT_THAT(MakeReferenceClip(-1, 1, 1), refused);
  EXPECT_THAT(MakeReferenceClip(int64_t{1} << 40, 1, 1), refused);
  EXPECT_THAT(MakeReferenceClip(32000, 1, 0), refused);
  EXPECT_THAT(MakeReferenceClip(32000, 1, std::nan("")), refused);
  EXPECT_THAT(MakeReferenceClip(32000, 1, kMaxReferenceSeconds + 1), refused);
  EXPECT_THAT(MakeReferenceClip(2000000000, 1, 1), refused);
}

}  // namespace
}  // namespace harness::audio
