// The models against the real audiocraft: every fixture export with a golden/ folder, found by itself.
#include "harness/export/models.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>

#include "harness/audio/npy.h"
#include "harness/model/codec.h"

namespace harness {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> GoldenExports() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(HARNESS_FIXTURES_DIR) / "exports")) {
    if (fs::exists(entry.path() / "golden" / "golden.json")) names.push_back(entry.path().filename().string());
  }
  return names;
}

at::Tensor Load(const fs::path& path) {
  if (const auto ints = ReadNpy<int32_t>(path); ints.ok()) {
    return at::tensor(at::ArrayRef<int32_t>(ints->values)).to(at::kLong).reshape(ints->shape);
  }
  const auto floats = ReadNpy<float>(path);
  TORCH_CHECK(floats.ok(), path.string(), ": ", floats.ok() ? "" : floats.error().message);
  return at::tensor(at::ArrayRef<float>(floats->values)).reshape(floats->shape);
}

// Largest absolute difference; NaN counts as infinite.
double Error(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.sizes() == b.sizes(), "shapes ", a.sizes(), " and ", b.sizes());
  const double error = (a - b).abs().max().item<double>();
  return std::isnan(error) ? INFINITY : error;
}

class GoldenTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    folder_ = fs::path(HARNESS_FIXTURES_DIR) / "exports" / GetParam();
    export_ = std::make_unique<Export>(folder_);
    for (const Role role : {Role::kLanguageModel, Role::kCodec}) {
      ASSERT_TRUE(export_->file(role).Present().ok());
      ASSERT_TRUE(export_->file(role).Format().ok());
      ASSERT_TRUE(export_->file(role).checkpoint().tensor_status().ok());
      ASSERT_TRUE(export_->file(role).config().ok());
    }
    auto models = LoadModels(*export_, HubCache("/no/such/folder"), at::kCPU);
    ASSERT_TRUE(models.ok()) << models.error().message;
    models_ = std::make_unique<Models>(std::move(models).value());
  }
  GuidedConditions Unconditional() const { return models_->conditions.Encode({{}}, true).value(); }
  at::Tensor Golden(const std::string& name) const { return Load(folder_ / "golden" / (name + ".npy")); }

  fs::path folder_;
  std::unique_ptr<Export> export_;
  std::unique_ptr<Models> models_;
  c10::InferenceMode inference_;
};

// float32 on both sides, sums in another order: upstream's own streaming and full passes differ by 1e-6 here
// (golden.json: streaming_difference).
constexpr double kLogitTolerance = 1e-4;
// Convolutions and an LSTM on top; samples are of the order of one.
constexpr double kAudioTolerance = 1e-4;

TEST_P(GoldenTest, LogitsOfAWholeSequence) {
  const at::Tensor codes = Golden("logits.codes").unsqueeze(0);
  const LanguageModel& lm = models_->language_model;
  LmState state = lm.Start(Unconditional().positive, 1, codes.size(2));
  const double error = Error(lm.Forward(codes, state)[0], Golden("logits"));
  RecordProperty("error", std::to_string(error));
  EXPECT_LE(error, kLogitTolerance);
}

TEST_P(GoldenTest, LogitsStepByStep) {
  const at::Tensor codes = Golden("logits.codes").unsqueeze(0), expected = Golden("logits");
  const LanguageModel& lm = models_->language_model;
  LmState state = lm.Start(Unconditional().positive, 1, codes.size(2));
  for (int64_t s = 0; s < codes.size(2); ++s) {
    EXPECT_LE(Error(lm.Forward(codes.narrow(2, s, 1), state)[0], expected.narrow(1, s, 1)), kLogitTolerance)
        << "step " << s;
  }
}

TEST_P(GoldenTest, GreedyTokensAndTheirAudio) {
  const at::Tensor tokens = Golden("unconditional.tokens"), audio = Golden("unconditional.audio");
  Sampling sampling;
  sampling.mode = Sampling::Mode::kGreedy;
  const auto music =
      GenerateMusic(*models_, {{}}, tokens.size(1), sampling);
  ASSERT_TRUE(music.ok()) << music.error().message;
  EXPECT_TRUE(at::equal(music->codes[0], tokens))
      << "(codes that differ: " << (music->codes[0] != tokens).sum().item<int64_t>() << ")";
  const double error = Error(music->audio[0], audio);
  RecordProperty("error", std::to_string(error));
  EXPECT_LE(error, kAudioTolerance);
}

// With no text both conditions are alike: here they are not. The first step, computed apart for each, must give the
// token.
TEST_P(GoldenTest, GuidanceLeadsFromTheNullConditionOn) {
  const LanguageModel& lm = models_->language_model;
  at::manual_seed(5);
  GuidedConditions conditions = Unconditional();
  conditions.positive[0].embedding = 3 * at::randn({1, 1, lm.spec().dim});
  const at::Tensor start = at::full({1, lm.spec().num_codebooks, 1}, lm.spec().cardinality, at::kLong);
  const auto logits = [&](const LmConditions& condition) {
    LmState state = lm.Start(condition, 1, 1);
    return lm.Forward(start, state)[0][0][0];
  };
  const at::Tensor positive = logits(conditions.positive), null = logits(conditions.null);
  Sampling sampling;
  sampling.mode = Sampling::Mode::kGreedy;
  for (const double cfg_coef : {0.0, 1.0, 3.0}) {
    sampling.cfg_coef = cfg_coef;
    const auto codes = GenerateCodes(lm, conditions, 1, 1, sampling);
    ASSERT_TRUE(codes.ok()) << codes.error().message;
    EXPECT_EQ((*codes)[0][0][0].item<int64_t>(), (null + (positive - null) * cfg_coef).argmax().item<int64_t>())
        << cfg_coef;
  }
  EXPECT_NE(positive.argmax().item<int64_t>(), null.argmax().item<int64_t>())
      << "the conditions must matter for this test";
}

TEST_P(GoldenTest, DecodedCodes) {
  EXPECT_LE(Error(models_->codec->Decode(Golden("decode.codes").unsqueeze(0))[0], Golden("decode.audio")),
            kAudioTolerance);
}

TEST_P(GoldenTest, EncodedAudio) {
  const at::Tensor audio = Golden("encode.audio").unsqueeze(0);
  EXPECT_LE(Error(dynamic_cast<const Codec&>(*models_->codec).EncodeLatent(audio)[0], Golden("encode.latent")), kAudioTolerance);
  EXPECT_TRUE(at::equal(models_->codec->Encode(audio)[0], Golden("encode.codes")));
}

TEST_P(GoldenTest, ASeedGivesTheSameTokensAndAnotherOthers) {
  Sampling sampling;
  sampling.seed = 7;
  const auto first = GenerateMusic(*models_, {{}}, 20, sampling),
             second = GenerateMusic(*models_, {{}}, 20, sampling);
  sampling.seed = 8;
  const auto other = GenerateMusic(*models_, {{}}, 20, sampling);
  ASSERT_TRUE(first.ok() && second.ok() && other.ok());
  EXPECT_TRUE(at::equal(first->codes, second->codes));
  EXPECT_FALSE(at::equal(first->codes, other->codes));
}

TEST_P(GoldenTest, WhatCannotBeGeneratedIsAnError) {
  Sampling sampling;
  sampling.top_k = models_->language_model.spec().cardinality + 1;
  const auto music = GenerateMusic(*models_, {{}}, 4, sampling);
  ASSERT_FALSE(music.ok());
  EXPECT_EQ(music.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(music.error().message, testing::HasSubstr("top_k is"));
}

// An empty list of fixtures registers a failing test: there is no golden to hold anything against.
INSTANTIATE_TEST_SUITE_P(, GoldenTest, testing::ValuesIn(GoldenExports()),
                         [](const testing::TestParamInfo<std::string>& export_name) {
                           std::string name;
                           for (const char c : export_name.param)
                             name += std::isalnum(static_cast<unsigned char>(c)) ? std::string(1, c) : "";
                           return name;
                         });

}  // namespace
}  // namespace harness
