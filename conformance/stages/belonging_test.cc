// What the checks of belonging make of figures: of clips that a model predicts, or doesn't.
#include "conformance/stages/belonging.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "conformance/framework/run.h"
#include "conformance/stages/alternative_score.h"

namespace conformance {
namespace {

using harness::architecture::LmSpec;
using testing::HasSubstr;

constexpr int64_t kFrames = 100;

class BelongingTest : public testing::Test {
 protected:
  BelongingTest() {
    spec_.num_codebooks = 2;
    spec_.cardinality = 256;
  }

  Context& Open(bool expect_trained = true) {
    Settings settings;
    settings.profile.expect_trained = expect_trained;
    const RunPlan plan = MakePlan(settings, {});
    return StartRun(std::move(settings), plan, nullptr).context;
  }

  // Codebook k at nats[k], give or take what neighbouring frames differ by.
  static Heard MakeHeard(std::vector<double> nats, double tempered = 0) {
    Heard heard;
    heard.reference.name = "the clip";
    const at::Tensor noise = at::arange(kFrames, at::kDouble).mul(0.7).sin().mul(0.3);
    at::Tensor values = at::tensor(nats, at::kDouble).view({-1, 1}) + noise;
    heard.scores.likelihood.nats = values;
    heard.scores.likelihood.tempered = tempered > 0 ? at::full_like(values, tempered) : values;
    heard.scores.likelihood.valid = at::ones(values.sizes(), at::kBool);
    heard.scores.round_trip.band_correlation = 0.5;
    return heard;
  }

  ModelProbe Judge(std::vector<Heard> all, bool expect_trained = true) {
    Context& context = Open(expect_trained);
    for (Heard& heard : all) AppendBelowChance(context, spec_, heard.scores.likelihood, heard.below_chance);
    return JudgeLikelihood(context, spec_, all, all.front());
  }

  LmSpec spec_;
};

TEST_F(BelongingTest, FramesCountOnlyCodesThatAreValid) {
  std::vector<double> frames;
  const at::Tensor values = at::tensor({1.0, 2.0, 3.0, 5.0, 7.0, 9.0}).view({2, 3});
  const at::Tensor valid = at::tensor({1, 0, 0, 1, 1, 0}).view({2, 3}).to(at::kBool);
  AppendFrames(values, valid, frames);
  EXPECT_THAT(frames, testing::ElementsAre(3, 7));  // the third has none
}

TEST_F(BelongingTest, AModelThatPredictsPasses) {
  const ModelProbe probe = Judge({MakeHeard({2, 4})});
  EXPECT_TRUE(probe.passed) << probe.message;
  EXPECT_NEAR(probe.measured["nats"].get<double>(), 3, 0.05);
  EXPECT_EQ(probe.measured["codebooks_worse_than_chance"].size(), 0);
}

TEST_F(BelongingTest, ChanceFails) {
  const ModelProbe probe = Judge({MakeHeard({5.55, 5.55})});
  EXPECT_FALSE(probe.passed);
  EXPECT_THAT(probe.message, HasSubstr("no better than chance"));
  EXPECT_THAT(probe.message, HasSubstr("ln 256 = 5.55"));
  EXPECT_TRUE(Judge({MakeHeard({5.55, 5.55})}, /*expect_trained=*/false).passed);
  // Below it, but by less than the margin.
  EXPECT_FALSE(Judge({MakeHeard({5.5, 5.5})}).passed);
}

TEST_F(BelongingTest, ACodebookWorseThanChanceFailsWhereEveryClipSaysSo) {
  const ModelProbe probe = Judge({MakeHeard({1, 8})});
  EXPECT_FALSE(probe.passed);
  EXPECT_THAT(probe.message, HasSubstr("codebook 1 of the clip worse than chance"));
  EXPECT_FALSE(Judge({MakeHeard({1, 8}), MakeHeard({2, 7})}).passed);
  EXPECT_TRUE(Judge({MakeHeard({1, 8}), MakeHeard({2, 4})}).passed);
  // Too sure of itself, and right but for that.
  EXPECT_TRUE(Judge({MakeHeard({1, 8}, 4)}).passed);
}

TEST_F(BelongingTest, ARoundTripIsJudgedByItsBands) {
  const auto judge = [&](double correlation, int64_t not_finite = 0, bool expect_trained = true) {
    Heard heard = MakeHeard({1, 1});
    heard.scores.round_trip.band_correlation = correlation;
    heard.scores.round_trip.not_finite = not_finite;
    return JudgeRoundTrip(Open(expect_trained), heard);
  };
  EXPECT_TRUE(judge(0.21).passed);
  EXPECT_FALSE(judge(0.19).passed);
  EXPECT_THAT(judge(0.19).message, HasSubstr("0.19 (expected at least 0.20"));
  EXPECT_FALSE(judge(std::numeric_limits<double>::quiet_NaN()).passed);  // silence
  EXPECT_THAT(judge(0.9, 3).message, HasSubstr("3 samples are not finite"));
  EXPECT_TRUE(judge(0.19, 0, /*expect_trained=*/false).passed);
}

constexpr double kMinGain = 0.05;

// Better by 0.1 nats over 300 frames, for certain.
AlternativeScore MakeScore() {
  AlternativeScore score;
  score.better = score.better_tempered = {.mean = 0.1, .standard_error = 0.01, .blocks = 30, .p = 1e-9};
  score.predicts = score.whole = true;
  return score;
}

TEST(AlternativeScore, FirstFramesTellWhatIsWorthALook) {
  AlternativeScore score = MakeScore();
  EXPECT_TRUE(IsWorthALook(score));
  score.better.p = 0.3;
  EXPECT_FALSE(IsWorthALook(score));
  // Ten frames of a large model: too few for a test.
  score.better = {.mean = 0.1, .standard_error = 0, .blocks = 1, .p = 1};
  EXPECT_TRUE(IsWorthALook(score));
  score.better.mean = -0.1;
  EXPECT_FALSE(IsWorthALook(score));
  score = MakeScore();
  score.better_tempered.mean = -0.01;
  EXPECT_FALSE(IsWorthALook(score));
  score = MakeScore();
  score.predicts = false;
  EXPECT_FALSE(IsWorthALook(score));
}

TEST(AlternativeScore, IsBetterOnlyByAll) {
  const auto is_better = [](const AlternativeScore& score, size_t scored = 40) {
    return IsBetter(score, CorrectP(score, scored), kMinGain);
  };
  EXPECT_TRUE(is_better(MakeScore()));
  const auto with = [&](auto change) {
    AlternativeScore score = MakeScore();
    change(score);
    return is_better(score);
  };
  EXPECT_FALSE(with([](AlternativeScore& of) { of.whole = false; })) << "some frames of one clip";
  EXPECT_FALSE(with([](AlternativeScore& of) { of.contradicted = true; })) << "another clip says the opposite";
  EXPECT_FALSE(with([](AlternativeScore& of) { of.predicts = false; })) << "no better than chance";
  EXPECT_FALSE(with([](AlternativeScore& of) { of.better.mean = 0.04; })) << "too little";
  EXPECT_FALSE(with([](AlternativeScore& of) { of.better_tempered.mean = 0.04; })) << "less sure of itself, no more";
  EXPECT_FALSE(with([](AlternativeScore& of) { of.better_tempered.p = 1e-4; })) << "1e-4 times 40 tries";
  EXPECT_TRUE(with([](AlternativeScore& of) { of.better.p = of.better_tempered.p = 1e-5; }));
}

TEST(AlternativeScore, ACodecSoundsAsGoodHoweverManyWindowsAreHeard) {
  AlternativeScore score = MakeScore();
  const auto is_better = [&] { return IsBetter(score, 1e-9, kMinGain); };
  score.band_losses_db = std::vector<double>(15, 0.4);
  EXPECT_TRUE(is_better());
  score.band_losses_db = std::vector<double>(15, 0.6);
  EXPECT_FALSE(is_better());
  score.band_losses_db = {3, -2.5};
  EXPECT_TRUE(is_better());
}

}  // namespace
}  // namespace conformance
