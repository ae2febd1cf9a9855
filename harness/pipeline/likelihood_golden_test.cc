// Real audio, encoded and predicted, against the real audiocraft: every export with a golden/belonging.json. And what
// else the same weights could be.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "harness/audio/npy.h"
#include "harness/generate/likelihood.h"
#include "harness/pipeline/alternatives.h"
#include "harness/pipeline/codec_source.h"
#include "harness/pipeline/models.h"
#include "harness/pipeline/reference_audio.h"

namespace harness::pipeline {
namespace {

namespace fs = std::filesystem;

// float32 on both sides, sums in another order.
constexpr double kTolerance = 1e-4;

fs::path Exports() { return fs::path(HARNESS_FIXTURES_DIR) / "exports"; }

std::vector<std::string> ListGoldens() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(Exports())) {
    if (fs::exists(entry.path() / "golden" / "belonging.json")) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Every static stage of an export of the fixtures, which passes.
std::unique_ptr<exports::Export> Open(const std::string& name) {
  const fs::path fixtures(HARNESS_FIXTURES_DIR);
  setenv("HOME", (fixtures / "home").c_str(), /*overwrite=*/1);
  auto exported = std::make_unique<exports::Export>(Exports() / name, hub::HubCache(fixtures / "hub"), ".");
  for (const exports::Role role : {exports::Role::kLanguageModel, exports::Role::kCodec}) {
    exports::ExportFile& file = exported->file(role);
    TORCH_CHECK(file.Present().ok() && file.Format().ok() && file.checkpoint().tensor_status().ok(), name);
    TORCH_CHECK(file.package().ok(), name);
  }
  TORCH_CHECK(exported->lm_spec().ok(), name);
  return exported;
}

class LikelihoodGolden : public testing::TestWithParam<std::string> {};

TEST_P(LikelihoodGolden, IsTheReferences) {
  const c10::InferenceMode inference;
  const auto exported = Open(GetParam());
  const auto models = LoadModels(*exported, {});
  ASSERT_TRUE(models.ok()) << models.error().message;
  const fs::path golden = Exports() / GetParam() / "golden";
  std::ifstream stream(golden / "belonging.json");
  const auto record = nlohmann::json::parse(stream);
  const auto audio = ReadReferenceAudio(golden / "belonging.wav", models->codec->facts(), 60);
  ASSERT_TRUE(audio.ok()) << audio.error().message;
  const at::Tensor codes = models->codec->Encode(*audio)[0];
  const auto expected = audio::ReadNpy<int32_t>(golden / "belonging.codes.npy");
  const auto nats = audio::ReadNpy<float>(golden / "belonging.cross_entropy.npy");
  ASSERT_TRUE(expected.ok() && nats.ok());
  ASSERT_EQ(codes.numel(), static_cast<int64_t>(expected->values.size()));
  EXPECT_TRUE((codes.flatten() == at::tensor(at::ArrayRef<int32_t>(expected->values))).all().item<bool>());
  const auto conditions = models->conditions.Encode({model::ConditioningInput{}}, /*together=*/true);
  ASSERT_TRUE(conditions.ok()) << conditions.error().message;
  const auto measured = generate::MeasureLikelihood(models->language_model, conditions->positive, codes);
  ASSERT_TRUE(measured.ok()) << measured.error().message;
  const at::Tensor difference = measured->nats.flatten() - at::tensor(at::ArrayRef<float>(nats->values));
  EXPECT_LT(difference.abs().max().item<double>(), kTolerance);
  for (int64_t k = 0; k < codes.size(0); ++k) {
    EXPECT_EQ(measured->valid[k].sum().item<int64_t>(), record["valid"][static_cast<size_t>(k)].get<int64_t>());
    EXPECT_NEAR(measured->codebook_means()[k].item<double>(),
                record["cross_entropy_per_codebook"][static_cast<size_t>(k)].get<double>(), kTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(, LikelihoodGolden, testing::ValuesIn(ListGoldens()), [](const auto& of) {
  std::string name = of.param;
  std::erase(name, '-');
  return name;
});

std::vector<std::string> ListKeys(const std::string& name) {
  const auto exported = Open(name);
  std::vector<std::string> keys;
  for (const Alternative& of :
       ListAlternatives(*exported->file(exports::Role::kLanguageModel).config(), *exported->lm_spec()))
    keys.push_back(of.key + ": " + of.value);
  return keys;
}

// Only what the tensors leave open: the rotary frequencies of `rope` hold the number of heads.
TEST(Alternatives, AreWhatShapesLeaveOpen) {
  using testing::Contains;
  using testing::Not;
  using testing::StartsWith;
  const auto mono = ListKeys("musicgen-tiny-mono");
  EXPECT_THAT(mono, Contains(StartsWith("transformer_lm.num_heads: ")));
  EXPECT_THAT(mono, Contains("codebooks_pattern.delay.delays: [0, 0, 0, 0]"));
  EXPECT_THAT(mono, Contains(StartsWith("transformer_lm.activation: ")));
  EXPECT_THAT(mono, Contains("linears.*: codebooks 0 and 1 exchanged"));
  EXPECT_THAT(mono, Not(Contains(StartsWith("transformer_lm.positional_embedding"))));
  const auto rope = ListKeys("musicgen-tiny-rope");
  EXPECT_THAT(rope, Not(Contains(StartsWith("transformer_lm.num_heads"))));
  EXPECT_THAT(rope, Contains("transformer_lm.positional_embedding: sin_rope"));
  // Keys and values are narrower than queries there: no other order has the same shape.
  EXPECT_THAT(ListKeys("musicgen-tiny-kv-repeat"), Not(Contains(testing::HasSubstr("in_proj_weight"))));
}

// A rearrangement, and its inverse, are the model that was there.
TEST(Alternatives, OrdersOfThePackedProjectionAreThoseThatTheyName) {
  const c10::InferenceMode inference;
  const auto exported = Open("musicgen-tiny-mono");
  const architecture::LmSpec& spec = *exported->lm_spec();
  const model::TensorTable original = BindLanguageModel(*exported).value();
  for (const Alternative& of : ListAlternatives(*exported->file(exports::Role::kLanguageModel).config(), spec)) {
    if (of.value != "key, value, query") continue;
    model::TensorTable tensors = original;
    of.rearrange(of.spec, tensors);
    const std::string name = "transformer.layers.0." + of.key;
    const auto before = original[name].chunk(3, 0), after = tensors[name].chunk(3, 0);
    // The file's parts are key, value, query: its third is the query, which the model reads first.
    EXPECT_TRUE(at::equal(after[0], before[2]));
    EXPECT_TRUE(at::equal(after[1], before[0]));
    EXPECT_TRUE(at::equal(after[2], before[1]));
    return;
  }
  FAIL() << "no such order";
}

std::vector<CodecAlternative> ListOfCodec(const std::string& name) {
  const auto exported = Open(name);
  return ListCodecAlternatives(*exported->file(exports::Role::kCodec).config(), *exported->codec_spec(), 4);
}

TEST(CodecAlternatives, AreWhatShapesLeaveOpen) {
  std::vector<std::string> keys;
  for (const CodecAlternative& of : ListOfCodec("musicgen-tiny-mono"))
    keys.push_back(of.key + ": " + of.value + " for " + of.present);
  EXPECT_THAT(keys,
              testing::IsSupersetOf({"encodec.causal: true for false",
                                     "seanet.activation: ReLU with seanet.activation_params: {} for ELU",
                                     "quantizer.vq.layers.*: codebooks 0 and 3 exchanged for each codebook in its "
                                     "place"}));
  // Norms over time don't go with causal convolutions: the builder raises.
  for (const CodecAlternative& of : ListOfCodec("musicgen-tiny-codec-group-norm")) EXPECT_NE(of.key, "encodec.causal");
}

// What is listed as another reading is built as such: other codes of the same sound, of the same shape.
TEST(CodecAlternatives, GiveOtherCodes) {
  const c10::InferenceMode inference;
  const auto exported = Open("musicgen-tiny-mono");
  const auto present = LoadCodec(*exported, at::kCPU);
  ASSERT_TRUE(present.ok());
  const at::Tensor audio = ReadReferenceAudio(std::nullopt, (*present)->facts(), 1).value();
  const at::Tensor codes = (*present)->Encode(audio);
  for (const CodecAlternative& of : ListOfCodec("musicgen-tiny-mono")) {
    const auto other = LoadCodecAs(*exported, of, at::kCPU);
    ASSERT_TRUE(other.ok()) << of.key;
    const at::Tensor others = (*other)->Encode(audio);
    EXPECT_EQ(others.sizes(), codes.sizes()) << of.key;
    EXPECT_FALSE(at::equal(others, codes)) << of.key << ": " << of.value;
  }
}

}  // namespace
}  // namespace harness::pipeline
