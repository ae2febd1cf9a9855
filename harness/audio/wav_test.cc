#include "harness/audio/wav.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "harness/testing/matchers.h"
#include "harness/testing/temporary_folder.h"

namespace harness::audio {
namespace {

using namespace testing_support;
std::string Bytes(const std::vector<float>& samples) {
  std::string bytes(samples.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), samples.data(), bytes.size());
  return bytes;
}

std::string Little(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

// A 16-bit mono PCM WAV whose sizes may lie.
std::string Pcm16Wav(const std::string& data, uint32_t riff_bytes, uint32_t data_bytes, int channels = 1) {
  return "RIFF" + Little(riff_bytes, 4) + "WAVEfmt " + Little(16, 4) + Little(1, 2) +
         Little(static_cast<uint64_t>(channels), 2) + Little(32000, 4) +
         Little(static_cast<uint64_t>(64000 * channels), 4) + Little(static_cast<uint64_t>(2 * channels), 2) +
         Little(16, 2) + "data" + Little(data_bytes, 4) + data;
}

TEST(Wav, KeepsEveryFloatBitForBit) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> samples = {
      0.f, -0.f, 1.f, -1.f, 1.5f, -37.25f, 1e-40f, inf, -inf, std::numeric_limits<float>::quiet_NaN(), 3.4e38f, 0.1f};
  TemporaryFolder folder;
  for (int channels : {1, 2, 3}) {
    SCOPED_TRACE(channels);
    const auto path = folder / "audio.wav";
    ASSERT_TRUE(WriteWav(path, {32000, channels, samples}).ok());
    const Result<Waveform> read = ReadWav(path);
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->sample_rate_hz, 32000);
    EXPECT_EQ(read->channels, channels);
    EXPECT_EQ(read->frames(), static_cast<int64_t>(samples.size()) / channels);
    EXPECT_EQ(Bytes(read->samples), Bytes(samples));
  }
}

TEST(Wav, IsFloat32AndTheSameInEveryRun) {
  TemporaryFolder folder;
  const std::vector<float> samples = {0.5f, -0.25f};
  ASSERT_TRUE(WriteWav(folder / "a.wav", {48000, 2, samples}).ok());
  const std::string bytes = GetFile(folder / "a.wav");
  EXPECT_EQ(bytes.substr(0, 4), "RIFF");
  EXPECT_EQ(bytes.substr(20, 2), Little(3, 2)) << "WAVE_FORMAT_IEEE_FLOAT";
  EXPECT_EQ(bytes.substr(bytes.size() - 8), Bytes(samples));
  EXPECT_EQ(bytes.find("PEAK"), std::string::npos) << "it holds the time of writing";
}

TEST(Wav, MakesFoldersLeavesNoTemporaryFileAndReplacesTheOldFile) {
  TemporaryFolder folder;
  const auto path = folder / "generation" / "cpu" / "audio.wav";
  ASSERT_TRUE(WriteWav(path, {32000, 1, {0.f, 0.f, 0.f}}).ok());
  ASSERT_TRUE(WriteWav(path, {32000, 1, {1.f}}).ok());
  EXPECT_EQ(CountFiles(path.parent_path()), 1u);
  EXPECT_THAT(ReadWav(path)->samples, testing::ElementsAre(1.f));
}

TEST(Wav, EmptyWaveformRoundTrips) {
  TemporaryFolder folder;
  ASSERT_TRUE(WriteWav(folder / "empty.wav", {32000, 2, {}}).ok());
  const Result<Waveform> read = ReadWav(folder / "empty.wav");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->frames(), 0);
}

TEST(Wav, LongFileSpansSeveralBlocks) {
  TemporaryFolder folder;
  Waveform long_waveform{32000, 3, {}};
  for (int n = 0; n < 3 * 70001; ++n) long_waveform.samples.push_back(static_cast<float>(n));
  ASSERT_TRUE(WriteWav(folder / "long.wav", long_waveform).ok());
  EXPECT_EQ(ReadWav(folder / "long.wav")->samples, long_waveform.samples);
}

TEST(Wav, ScalesIntegers) {
  TemporaryFolder folder;
  const std::string data = Little(0x8000, 2) + Little(0x4000, 2) + Little(0, 2);
  PutFile(folder / "pcm.wav", Pcm16Wav(data, 36 + 6, 6));
  const Result<Waveform> read = ReadWav(folder / "pcm.wav");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_THAT(read->samples, testing::ElementsAre(-1.f, 0.5f, 0.f));
}

TEST(Wav, StreamedSizesMeanUnknown) {
  TemporaryFolder folder;
  for (uint32_t size : {0u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
    SCOPED_TRACE(size);
    PutFile(folder / "stream.wav", Pcm16Wav(Little(0x4000, 2), size, 0xFFFFFFFFu));
    const Result<Waveform> read = ReadWav(folder / "stream.wav");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_THAT(read->samples, testing::ElementsAre(0.5f));
  }
}

TEST(Wav, RefusesToWriteWhatIsNoWaveform) {
  struct Case {
    const char* name;
    Waveform waveform;
    ErrorCode code;
    const char* words;
  };
  const std::vector<Case> cases = {
      {"NoChannels", {32000, 0, {}}, ErrorCode::kUnsupported, "got 0 channels"},
      {"TooManyChannels", {32000, 1025, {}}, ErrorCode::kUnsupported, "1 to 1024 channels"},
      {"NoRate", {0, 1, {0.f}}, ErrorCode::kUnsupported, "at 0 Hz"},
      {"BrokenFrame", {32000, 2, {0.f, 0.f, 0.f}}, ErrorCode::kMismatch, "3 samples are not a whole number of frames"},
  };
  TemporaryFolder folder;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_THAT(WriteWav(folder / "x.wav", c.waveform), FailsWith(c.code, c.words));
    EXPECT_EQ(CountFiles(folder.path()), 0u);
  }
  PutFile(folder / "file", "");
  EXPECT_THAT(WriteWav(folder / "file" / "x.wav", {32000, 1, {0.f}}), FailsWith(ErrorCode::kIo, "x.wav"));
  std::filesystem::create_directories(folder / "taken.wav" / "inside");
  EXPECT_THAT(WriteWav(folder / "taken.wav", {32000, 1, {0.f}}), FailsWith(ErrorCode::kIo, "could not be written"));
  EXPECT_EQ(CountFiles(folder.path()), 2u) << "the temporary file is gone";
}

TEST(Wav, BadFilesSayWhatIsWrong) {
  const std::string whole = Pcm16Wav(std::string(2000, '\1'), 36 + 2000, 2000);
  struct Case {
    const char* name;
    std::string bytes;
    ErrorCode code;
    const char* words;
  };
  const std::vector<Case> cases = {
      {"Empty", "", ErrorCode::kCorrupt, "is empty"},
      {"Text", "<!DOCTYPE html><html>not found</html>", ErrorCode::kUnsupported, "not an audio file"},
      {"CutInData", whole.substr(0, 1000), ErrorCode::kCorrupt, "announces 2044 bytes, the file has 1000"},
      {"CutInHeader", whole.substr(0, 30), ErrorCode::kCorrupt, "cut short"},
      {"NoFormatChunk", "RIFF" + Little(16, 4) + "WAVEdata" + Little(4, 4) + "abcd", ErrorCode::kCorrupt, "damaged"},
      {"NoChannels", Pcm16Wav("abcd", 40, 4, 0), ErrorCode::kCorrupt, "bad.wav"},
  };
  TemporaryFolder folder;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    PutFile(folder / "bad.wav", c.bytes);
    EXPECT_THAT(ReadWav(folder / "bad.wav"), FailsWith(c.code, c.words));
  }
  EXPECT_THAT(ReadWav(folder / "none.wav"), FailsWith(ErrorCode::kNotFound, "none.wav"));
  EXPECT_THAT(ReadWav(folder.path()), FailsWith(ErrorCode::kIo, "is not a regular file"));
}

// A FLAC header may announce any number of samples in a file of 100 bytes.
TEST(Wav, AHeaderThatLiesCostsNoMemory) {
  TemporaryFolder folder;
  const auto flac = [](uint64_t samples) {
    std::string stream_info = std::string("\x10\x00\x10\x00", 4) + std::string(6, '\0');
    const uint64_t packed = uint64_t{32000} << 44 | uint64_t{0} << 41 | uint64_t{15} << 36 | samples;
    for (int i = 7; i >= 0; --i) stream_info += static_cast<char>(packed >> (8 * i) & 0xFF);
    return "fLaC" + std::string("\x80\x00\x00\x22", 4) + stream_info + std::string(16, '\0');
  };
  PutFile(folder / "huge.flac", flac((uint64_t{1} << 36) - 1));
  EXPECT_THAT(ReadWav(folder / "huge.flac"), FailsWith(ErrorCode::kUnsupported, "the limit of this suite"));
  PutFile(folder / "short.flac", flac(1000000));
  EXPECT_THAT(ReadWav(folder / "short.flac"), FailsWith(ErrorCode::kCorrupt, "0 of 1000000 frames"));
}

TEST(Wav, EveryTruncationFailsAndNeverCrashes) {
  TemporaryFolder folder;
  ASSERT_TRUE(WriteWav(folder / "whole.wav", {32000, 1, {0.5f, 0.25f, 0.125f}}).ok());
  const std::string whole = GetFile(folder / "whole.wav");
  for (size_t size = 0; size < whole.size(); ++size) {
    PutFile(folder / "cut.wav", std::string_view(whole).substr(0, size));
    EXPECT_FALSE(ReadWav(folder / "cut.wav").ok()) << size << " of " << whole.size() << " bytes";
  }
}

TEST(Wav, SixteenBitsAreHeardAsWritten) {
  const auto folder = testing::TempDir();
  const auto bytes = EncodePcm16({8000, 2, {0, 0.5F, -2, 2, std::nanf(""), -0.25F}});
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(bytes->size(), 44U + 12U);
  const std::string path = folder + "/pcm16.wav";
  std::ofstream(path, std::ios::binary) << *bytes;
  const auto read = ReadWav(path);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->sample_rate_hz, 8000);
  EXPECT_EQ(read->channels, 2);
  const std::vector<float> expected = {0, 0.5F, -1, 1, 0, -0.25F};
  ASSERT_EQ(read->samples.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(read->samples[i], expected[i], 1.0 / 32767) << i;
  EXPECT_EQ(EncodePcm16({8000, 0, {}}).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace harness::audio
