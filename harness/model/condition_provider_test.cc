// What the provider refuses, and in which words.
#include "harness/model/condition_provider.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

namespace harness::model {
namespace {

using testing::HasSubstr;

constexpr int64_t kDim = 3;

template <class Options>
std::unique_ptr<Conditioner> Build(const Options& options, const char* name, int64_t width,
                                   const at::Tensor& tensor = {},
                                   std::shared_ptr<const TextEncoder> encoder = nullptr) {
  return BuildConditioner(options, {.name = name,
                                    .projection = {at::ones({kDim, width}), at::ones({kDim})},
                                    .tensor = [tensor](const std::string&) { return tensor; },
                                    .encoder = std::move(encoder)})
      .value();
}

std::unique_ptr<Conditioner> T5(std::shared_ptr<const TextEncoder> encoder, bool normalize_text = false) {
  return Build(architecture::T5Options{.name = "t5-small", .normalize_text = normalize_text}, "description", 1, {},
               std::move(encoder));
}

std::unique_ptr<Conditioner> Lut(bool whitespace) {
  return Build(architecture::LutOptions{.bins = 4, .whitespace = whitespace, .pad_idx = 0}, "description", 2,
               at::ones({4, 2}));
}

std::unique_ptr<Conditioner> Chroma() {
  const architecture::ChromaOptions options{.sample_rate_hz = 100,
                                            .n_chroma = 12,
                                            .window_length = 16,
                                            .n_fft = 16,
                                            .hop_length = 4,
                                            .argmax = true,
                                            .norm = INFINITY,
                                            .train_frames = 9};
  return Build(options, "self_wav", 12, at::hann_window(16));
}

std::unique_ptr<Conditioner> Style() { return Build(architecture::StyleOptions{}, "self_wav", 256); }

ConditioningInput Text(const char* text) {
  ConditioningInput input;
  input.description = text;
  return input;
}

ConditioningInput Melody(int64_t samples, int64_t rate) {
  ConditioningInput input;
  input.melody = at::ones({2, samples});
  input.melody_sample_rate_hz = rate;
  return input;
}

// States that say which text they are of; two tokens each.
class CountingEncoder : public TextEncoder {
 public:
  Result<Embedding> Encode(const std::vector<std::string>& texts) const override {
    const auto batch = static_cast<int64_t>(texts.size());
    Embedding embedding{at::ones({batch, 2, 1}), at::ones({batch, 2}, at::kLong)};
    for (int64_t i = 0; i < batch; ++i) embedding.states[i].mul_(static_cast<double>(i + 1));
    return embedding;
  }
};

TEST(Conditioner, MasksTheEmptyTextAfterTheProjection) {
  const auto t5 = T5(std::make_shared<CountingEncoder>());
  EXPECT_TRUE(t5->encodes_text());
  const auto embedding = t5->Embed({Text("rock"), Text(""), {}, Text("jazz")});
  ASSERT_TRUE(embedding.ok()) << embedding.error().message;
  ASSERT_EQ(embedding->sizes(), (std::vector<int64_t>{4, 2, kDim}));
  EXPECT_TRUE(at::equal((*embedding).select(2, 0).select(1, 0), at::tensor({2.f, 0.f, 0.f, 5.f})));
}

TEST(Conditioner, SaysWhatItCannotEncode) {
  const auto encoder = std::make_shared<CountingEncoder>();
  struct Case {
    const char* name;
    std::unique_ptr<Conditioner> conditioner;
    std::vector<ConditioningInput> inputs;
    ErrorCode code;
    const char* words;
  };
  std::vector<Case> cases;
  cases.push_back({"NoT5",
                   T5(nullptr),
                   {Text("rock")},
                   ErrorCode::kUnsupported,
                   "the text encoder t5-small of conditioners.description was not found"});
  cases.push_back({"Spacy",
                   T5(encoder, /*normalize_text=*/true),
                   {{}, Text("rock")},
                   ErrorCode::kUnsupported,
                   "normalize_text sends texts through spaCy"});
  cases.push_back({"Whitespace", Lut(true), {Text("")}, ErrorCode::kUnsupported, "tokenizer is whitespace"});
  cases.push_back(
      {"Style", Style(), {{}, Melody(9, 100)}, ErrorCode::kUnsupported, "takes a style from audio through MERT"});
  cases.push_back(
      {"TwoRates", Chroma(), {Melody(9, 100), Melody(9, 50)}, ErrorCode::kMismatch, "have 100 Hz and 50 Hz"});
  cases.push_back(
      {"NoRate", Chroma(), {Melody(9, 0)}, ErrorCode::kMismatch, "must have channels, samples and a sample rate"});
  cases.push_back({"NoSamples", Chroma(), {Melody(0, 100)}, ErrorCode::kMismatch, "must have channels, samples"});
  cases.push_back(
      {"TooShort", Chroma(), {Melody(2, 1000)}, ErrorCode::kMismatch, "is shorter than a sample at 100 Hz"});
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto embedding = c.conditioner->Embed(c.inputs);
    ASSERT_FALSE(embedding.ok());
    EXPECT_EQ(embedding.error().code, c.code);
    EXPECT_THAT(embedding.error().message, HasSubstr(c.words));
  }
}

TEST(Conditioner, GivesZeroWithoutAStyle) {
  const auto embedding = Style()->Embed({{}, {}});
  ASSERT_TRUE(embedding.ok());
  EXPECT_TRUE(at::equal(*embedding, at::zeros({2, 1, kDim})));
}

TEST(ConditionProvider, SaysWhatItCanEncode) {
  EXPECT_TRUE(Lut(false)->encodes_text());
  EXPECT_FALSE(Lut(true)->encodes_text());
  EXPECT_FALSE(T5(nullptr)->encodes_text());
  EXPECT_TRUE(Chroma()->encodes_melody());
  EXPECT_FALSE(Style()->encodes_melody());
}

TEST(ConditionProvider, RefusesAMelodyWithoutItsConditioner) {
  const auto provider = ConditionProvider::Build(architecture::LmSpec{}, TensorTable{}, {});
  ASSERT_TRUE(provider.ok());
  EXPECT_TRUE(provider->Encode({{}}, true)->positive.empty());
  const auto conditions = provider->Encode({Melody(9, 100)}, true);
  ASSERT_FALSE(conditions.ok());
  EXPECT_EQ(conditions.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(conditions.error().message, HasSubstr("does not take a melody"));
}

}  // namespace
}  // namespace harness::model
