#include "harness/pipeline/reference_audio.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <limits>
#include <vector>

#include "harness/audio/reference_clip.h"
#include "harness/model/resample.h"
#include "harness/testing/matchers.h"
#include "harness/testing/temporary_folder.h"

namespace harness::pipeline {
namespace {

using namespace testing_support;

architecture::CodecFacts MakeFacts(int64_t rate_hz, int64_t channels) {
  architecture::CodecFacts facts;
  facts.sample_rate_hz = rate_hz;
  facts.channels = channels;
  facts.hop_length = 320;
  return facts;
}

audio::Waveform MakeRamp(int rate_hz, int channels, int64_t frames) {
  audio::Waveform wav{rate_hz, channels, {}};
  for (int64_t i = 0; i < frames * channels; ++i) wav.samples.push_back(static_cast<float>((i * 37 % 101) / 202.0));
  return wav;
}

TEST(ReferenceAudio, IsTheClipWithoutAFile) {
  for (const int64_t channels : {1, 2, 3}) {
    const auto audio = ReadReferenceAudio(std::nullopt, MakeFacts(24000, channels), 1.5);
    ASSERT_THAT(audio, Succeeds());
    EXPECT_EQ(audio->sizes().vec(), (std::vector<int64_t>{1, channels, 36000}));
    EXPECT_EQ(audio->scalar_type(), at::kFloat);
    if (channels > 2) continue;
    const audio::Waveform clip = audio::MakeReferenceClip(24000, channels, 1.5).value();
    EXPECT_EQ((*audio)[0][channels - 1][7001].item<float>(),
              clip.samples[static_cast<size_t>(7001 * channels + channels - 1)]);
  }
}

// The start of the file, then what audiocraft's convert_audio makes of it.
TEST(ReferenceAudio, CutsAndConvertsAFile) {
  TemporaryFolder folder;
  ASSERT_TRUE(audio::WriteWav(folder / "a.wav", MakeRamp(44100, 2, 60000)).ok());
  const auto audio = ReadReferenceAudio(folder / "a.wav", MakeFacts(32000, 1), 1);
  ASSERT_THAT(audio, Succeeds());
  EXPECT_EQ(audio->sizes().vec(), (std::vector<int64_t>{1, 1, 32000}));
  const at::Tensor given = at::tensor(at::ArrayRef<float>(MakeRamp(44100, 2, 44100).samples)).view({-1, 2}).t();
  EXPECT_TRUE(audio->equal(model::ConvertAudio(given, 44100, 32000, 1)->unsqueeze(0)));

  const auto whole = ReadReferenceAudio(folder / "a.wav", MakeFacts(44100, 2), 30);
  ASSERT_THAT(whole, Succeeds());
  EXPECT_EQ(whole->sizes().vec(), (std::vector<int64_t>{1, 2, 60000}));
}

TEST(ReferenceAudio, RefusesAFileThatCantBeJudgedBy) {
  TemporaryFolder folder;
  const auto read = [&](const audio::Waveform& wav, int64_t channels = 1, double seconds = 1) {
    EXPECT_TRUE(audio::WriteWav(folder / "a.wav", wav).ok());
    return ReadReferenceAudio(folder / "a.wav", MakeFacts(32000, channels), seconds);
  };
  EXPECT_THAT(ReadReferenceAudio(folder / "none.wav", MakeFacts(32000, 1), 1),
              FailsWith(ErrorCode::kNotFound, "none.wav: is not there"));
  EXPECT_THAT(read(MakeRamp(32000, 1, 639)), FailsWith(ErrorCode::kMismatch, "is too short: 639 samples"));
  EXPECT_THAT(read(MakeRamp(32000, 1, 640)), Succeeds());
  EXPECT_THAT(read(MakeRamp(32000, 2, 32000), 4), FailsWith(ErrorCode::kMismatch, "a.wav: audio of 2 channels"));
  audio::Waveform wav = MakeRamp(32000, 1, 64000);
  std::fill(wav.samples.begin(), wav.samples.begin() + 32000, 0.f);
  EXPECT_THAT(read(wav), FailsWith(ErrorCode::kMismatch, "is silent in its first 1 s"));
  EXPECT_THAT(read(wav, 1, 2), Succeeds());
  wav.samples[100] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(read(wav), FailsWith(ErrorCode::kCorrupt, "not finite"));
}

}  // namespace
}  // namespace harness::pipeline
