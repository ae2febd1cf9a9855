// Continuation and music beyond max_duration against the real audiocraft: every export with golden/belonging.json
// (scripts/oracle/belonging.py), every run of it.
#include "harness/pipeline/music.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/audio/wav.h"
#include "harness/testing/golden_export.h"

namespace harness::pipeline {
namespace {

using namespace testing_support;

namespace fs = std::filesystem;

nlohmann::json Record(const std::string& name) {
  std::ifstream file(ExportFolder(name) / "golden" / "belonging.json");
  return nlohmann::json::parse(file);
}

std::vector<std::string> Exports() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(HARNESS_FIXTURES_DIR) / "exports")) {
    if (fs::exists(entry.path() / "golden" / "belonging.json")) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class MusicTest : public testing::TestWithParam<std::string>, public Loaded {
 protected:
  void SetUp() override {
    Load(GetParam());
    record_ = Record(GetParam());
  }

  // The start of the clip, as the script cuts it: [1, C, N].
  at::Tensor Clip(double seconds) const {
    const auto wav = audio::ReadWav(folder_ / "golden" / "belonging.wav");
    TORCH_CHECK(wav.ok());
    const at::Tensor audio = at::tensor(at::ArrayRef<float>(wav->samples)).view({-1, wav->channels}).t().contiguous();
    const auto samples = static_cast<int64_t>(seconds * wav->sample_rate_hz);
    return audio.slice(1, 0, samples).unsqueeze(0);
  }

  // What the script asked of MusicGen in the run `of`.
  MusicRequest Ask(const nlohmann::json& of) const {
    MusicRequest request{.samples = std::vector<model::ConditioningInput>(1), .length = {}};
    if (!of.at("prompts")[0].is_null()) request.samples[0].description = of.at("prompts")[0].get<std::string>();
    if (of.contains("melody")) {
      TORCH_CHECK(ReadMelody(folder_ / "golden" / of.at("melody"), models_->codec->facts(), request.samples[0]).ok());
    }
    request.length = {.duration_s = of.at("duration_s"),
                      .max_duration_s = of.value("max_duration_s", export_->lm_spec()->segment_duration_s),
                      .extend_stride_s = of.value("extend_stride_s", 18.0)};
    if (of.contains("prompt_s")) request.prompt = EncodePrompt(*models_, Clip(of.at("prompt_s"))).value();
    return request;
  }

  generate::Sampling Greedy() const {
    return {.mode = generate::Sampling::Mode::kGreedy, .cfg_coef = record_.at("cfg_coef").get<double>()};
  }

  nlohmann::json record_;
};

TEST_P(MusicTest, CodesOfTheClip) {
  const auto codes = EncodePrompt(*models_, Clip(1e3));
  ASSERT_TRUE(codes.ok()) << codes.error().message;
  EXPECT_TRUE(at::equal((*codes)[0], Golden("belonging.codes")));
}

TEST_P(MusicTest, TokensOfEveryRun) {
  // Near ties are common in what a trained model finds likeliest: another order of sums would choose another token.
  if (record_.at("runs").empty()) GTEST_SKIP() << GetParam() << " has no recorded runs";
  int windowed = 0, prompted = 0;
  for (const auto& of : record_.at("runs")) {
    SCOPED_TRACE(of.at("name").get<std::string>());
    const MusicRequest request = Ask(of);
    windowed += request.length.has_windows() ? 1 : 0;
    prompted += request.prompt.defined() ? 1 : 0;
    const auto codes = GenerateMusicCodes(*models_, request, Greedy());
    ASSERT_TRUE(codes.ok()) << codes.error().message;
    const at::Tensor expected = Golden("belonging." + of.at("name").get<std::string>() + ".tokens");
    ASSERT_EQ((*codes)[0].sizes(), expected.sizes());
    EXPECT_TRUE(at::equal((*codes)[0], expected))
        << "codes that differ: " << ((*codes)[0] != expected).sum().item<int64_t>() << " of " << expected.numel();
  }
  EXPECT_GE(windowed, 3);
  EXPECT_GE(prompted, 3);
}

// Less is generated: the same codes, where the pattern gives them frame by frame.
TEST_P(MusicTest, TheFirstFramesAreThoseOfTheWhole) {
  if (!models_->language_model.spec().pattern.frame_by_frame()) GTEST_SKIP() << "the pattern goes otherwise";
  for (const auto& of : record_.at("runs")) {
    SCOPED_TRACE(of.at("name").get<std::string>());
    MusicRequest request = Ask(of);
    const at::Tensor whole = Golden("belonging." + of.at("name").get<std::string>() + ".tokens");
    const int64_t given = request.prompt.defined() ? request.prompt.size(2) : 0;
    for (const int64_t frames : {given + 5, given + 40}) {
      if (frames >= whole.size(1)) continue;
      request.length.most_frames = frames + models_->language_model.spec().pattern.max_delay();
      const auto codes = GenerateMusicCodes(*models_, request, Greedy());
      ASSERT_TRUE(codes.ok()) << codes.error().message;
      EXPECT_TRUE(at::equal((*codes)[0].slice(1, 0, frames), whole.slice(1, 0, frames))) << frames;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, MusicTest, testing::ValuesIn(Exports()),
                         [](const testing::TestParamInfo<std::string>& name) { return CamelCase(name.param); });

class OneModelTest : public testing::Test, public Loaded {
 protected:
  void SetUp() override { Load("musicgen-tiny-mono"); }
  at::Tensor Prompt(int64_t frames) const {
    return at::zeros({1, models_->language_model.spec().num_codebooks, frames}, at::kLong);
  }
};

// The seed's numbers go on from window to window: as torch's own generator does, they are not drawn again.
TEST_F(OneModelTest, ASeedIsDrawnFromOnceForAllWindows) {
  const generate::Sampling sampling{.seed = 3};
  const MusicLength length{.duration_s = 1, .max_duration_s = 0.5, .extend_stride_s = 0.25};
  const auto codes = GenerateMusicCodes(*models_, {{{}}, length}, sampling);
  ASSERT_TRUE(codes.ok()) << codes.error().message;
  const double rate_hz = models_->codec->facts().frame_rate_hz;
  const auto window = static_cast<int64_t>(0.5 * rate_hz), stride = static_cast<int64_t>(0.25 * rate_hz);
  generate::Sampler sampler(sampling);
  const model::GuidedConditions conditions = Unconditional();
  const auto first = generate::ContinueCodes(models_->language_model, conditions, Prompt(0), window, sampler);
  ASSERT_TRUE(first.ok());
  const at::Tensor shared = first->slice(2, stride);
  const auto second = generate::ContinueCodes(models_->language_model, conditions, shared, window, sampler);
  generate::Sampler again(sampling);
  const auto other = generate::ContinueCodes(models_->language_model, conditions, shared, window, again);
  ASSERT_TRUE(second.ok() && other.ok());
  EXPECT_TRUE(at::equal(codes->slice(2, stride, stride + window), *second));
  EXPECT_FALSE(at::equal(*second, *other)) << "the seed must matter for this test";
}

TEST_F(OneModelTest, WhatMusicGenAssertsIsAnError) {
  const architecture::LmSpec& spec = models_->language_model.spec();
  const auto longs = at::TensorOptions().dtype(at::kLong);
  const struct {
    const char* name;
    MusicLength length;
    at::Tensor prompt;
    const char* words;
  } rows[] = {
      {"NothingLeft", MusicLength::Frames(4), Prompt(4), "a prompt of 4 frames leaves nothing of 4"},
      {"LongerThanAll", MusicLength::Frames(4), Prompt(5), "a prompt of 5 frames leaves nothing of 4"},
      {"LongerThanAWindow", {2, 0.5, 0.25}, Prompt(60), "Prompt is longer than audio to generate"},
      {"StrideOfAWindow", {2, 0.5, 0.5}, {}, "Cannot stride by more than max generation duration."},
      {"NoStride", {2, 0.5, 0.001}, {}, "less than a frame"},
      // (0.94 - 0.72) * 50 is 10.99...: the last window holds no more than what it is prompted with. So does the real one.
      {"RoundedToNothing", {0.94, 0.6, 0.36}, {}, "a prompt of 10 frames leaves nothing of 10"},
      {"OtherCodebooks", MusicLength::Frames(4), at::zeros({1, spec.num_codebooks + 1, 2}, longs),
       "transformer_lm.n_q is"},
      {"CodeTooLarge", MusicLength::Frames(4), Prompt(2) + spec.cardinality, "transformer_lm.card is"},
      {"CodeBelowZero", MusicLength::Frames(4), Prompt(2) - 1, "go from -1 to -1"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto codes = GenerateMusicCodes(*models_, {{{}}, row.length, row.prompt}, {});
    ASSERT_FALSE(codes.ok());
    EXPECT_EQ(codes.error().code, ErrorCode::kMismatch);
    EXPECT_THAT(codes.error().message, testing::HasSubstr(row.words));
  }
}

// What a second costs does not grow with the music: a window's steps, whatever comes before it.
TEST_F(OneModelTest, EachWindowTakesTheSameSteps) {
  std::vector<int64_t> totals;
  generate::GenerationCallbacks callbacks;
  callbacks.progress = [&](int64_t done, int64_t total) {
    if (done == 1) totals.push_back(total);
  };
  const MusicLength length{.duration_s = 4, .max_duration_s = 0.5, .extend_stride_s = 0.25};
  ASSERT_TRUE(GenerateMusicCodes(*models_, {{{}}, length}, {}, callbacks).ok());
  ASSERT_GE(totals.size(), 16);
  const int64_t frames = static_cast<int64_t>(0.25 * models_->codec->facts().frame_rate_hz);
  const int64_t delay = models_->language_model.spec().pattern.max_delay();
  for (size_t i = 1; i < totals.size(); ++i) EXPECT_LE(totals[i], frames + delay + 1) << "window " << i;
}

}  // namespace
}  // namespace harness::pipeline
