// The stand-in of facebook/encodec_32khz in fixtures/hub, and what is made of it.
#include "harness/export/compare_codecs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>

#include "harness/export/codec_references.h"
#include "harness/testing/matchers.h"
#include "harness/testing/temporary_folder.h"

namespace harness::exports {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;
using nlohmann::json;
using testing::ElementsAre;
using testing::Optional;

constexpr const char* kName = "facebook/encodec_32khz";

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};
using Tensors = std::map<std::string, Tensor>;

float FromHalf(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  const double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return static_cast<float>(half >> 15 != 0 ? -size : size);
}

std::string ReadBytes(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

class CompareCodecsTest : public testing::Test {
 protected:
  CompareCodecsTest()
      : original_(FollowHub(kName, hub::HubCache(fs::path(HARNESS_FIXTURES_DIR) / "hub"))),
        snapshot_(hub::HubCache(fs::path(HARNESS_FIXTURES_DIR) / "hub").Snapshot(kName).value()) {
    const std::string file = ReadBytes(snapshot_ / "model.safetensors");
    uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof length);
    const json header = json::parse(file.substr(8, length));
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") continue;
      Tensor& tensor = tensors_[name];
      tensor.shape = entry["shape"].get<std::vector<int64_t>>();
      const auto begin = entry["data_offsets"][0].get<size_t>(), end = entry["data_offsets"][1].get<size_t>();
      for (size_t i = begin; i < end; i += 2) {
        uint16_t half = 0;
        std::memcpy(&half, &file[8 + length + i], 2);
        tensor.values.push_back(FromHalf(half));
      }
    }
  }

  // The codec of `tensors_`, stored in float32, or cut to bfloat16.
  Result<CodecDescription> Write(bool cut = false, const std::function<void(json&)>& set = {}) {
    const fs::path folder = folder_ / "models--facebook--encodec_32khz";
    fs::create_directories(folder / "snapshots" / "abc");
    fs::create_directories(folder / "refs");
    std::ofstream(folder / "refs" / "main") << "abc";
    json config = json::parse(ReadBytes(snapshot_ / "config.json"));
    if (set) set(config);
    std::ofstream(folder / "snapshots" / "abc" / "config.json") << config;
    json header = {{"__metadata__", {{"format", "pt"}}}};
    std::string data;
    for (const auto& [name, tensor] : tensors_) {
      const size_t begin = data.size();
      for (const float value : tensor.values) {
        char bytes[4];
        std::memcpy(bytes, &value, 4);
        data.append(cut ? bytes + 2 : bytes, cut ? 2 : 4);
      }
      header[name] = {{"dtype", cut ? "BF16" : "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const uint64_t length = text.size();
    std::ofstream(folder / "snapshots" / "abc" / "model.safetensors", std::ios::binary)
        << std::string(reinterpret_cast<const char*>(&length), 8) << text << data;
    return FollowHub(kName, hub::HubCache(folder_.path()));
  }

  CodecComparison CompareWithOriginal(bool cut = false, const std::function<void(json&)>& set = {}) {
    const auto packed = Write(cut, set);
    EXPECT_THAT(packed, Succeeds());
    return CompareCodecs(*packed, *original_).value();
  }

  void Change(const std::string& names, const std::function<float(float)>& change) {
    for (auto& [name, tensor] : tensors_) {
      if (!std::regex_match(name, std::regex(names))) continue;
      for (float& value : tensor.values) value = change(value);
    }
  }

  TemporaryFolder folder_;
  Result<CodecDescription> original_;
  fs::path snapshot_;
  Tensors tensors_;
  std::mt19937 random_{1};
};

TEST_F(CompareCodecsTest, KnowsTheSameBits) {
  const auto same = CompareCodecs(*original_, *original_);
  ASSERT_THAT(same, Succeeds());
  EXPECT_TRUE(same->SameBits());
  EXPECT_FALSE(same->IsAnotherModel());
  EXPECT_GT(same->tensors.size(), 60u);
  EXPECT_EQ(same->MostChanged(), nullptr);
  EXPECT_EQ(same->Correlation("encoder"), 1);
}

TEST_F(CompareCodecsTest, KnowsTheSameValuesInAnotherType) {
  const CodecComparison wider = CompareWithOriginal();
  EXPECT_FALSE(wider.SameBits());
  EXPECT_THAT(wider.SameUpTo(), Optional(std::string("float32")));
  const CodecComparison cut = CompareWithOriginal(/*cut=*/true);
  EXPECT_THAT(cut.SameUpTo(), Optional(std::string("bfloat16")));
  EXPECT_LT(cut.RelativeChange("encoder"), 0.01);
  EXPECT_FALSE(cut.IsAnotherModel());
}

// The original is float16: one that rounds to it.
TEST_F(CompareCodecsTest, KnowsWhatWasRounded) {
  Change(".*weight.*", [](float value) { return value * 1.0004f; });
  EXPECT_THAT(CompareWithOriginal().SameUpTo(), Optional(std::string("float16")));
}

// The weights that weight norm makes are the same, whatever length its directions have.
TEST_F(CompareCodecsTest, TakesWeightNormAsItActs) {
  Change(".*weight_v", [](float value) { return value * 3; });
  const CodecComparison comparison = CompareWithOriginal();
  EXPECT_EQ(comparison.SameUpTo(), std::nullopt);
  EXPECT_LT(comparison.RelativeChange("encoder"), 1e-5);
  EXPECT_GT(comparison.Correlation("encoder"), 0.9999);
}

TEST_F(CompareCodecsTest, SaysHowFarFineTuningWent) {
  std::normal_distribution<float> noise;
  Change("decoder.*", [&](float value) { return value + 0.02f * noise(random_); });
  tensors_["decoder.layers.0.conv.bias"].values.assign(32, 9.f);
  const CodecComparison comparison = CompareWithOriginal();
  EXPECT_EQ(comparison.SameUpTo(), std::nullopt);
  EXPECT_FALSE(comparison.IsAnotherModel());
  EXPECT_EQ(comparison.RelativeChange("encoder"), 0);
  EXPECT_GT(comparison.RelativeChange("decoder"), 0.05);
  EXPECT_GT(comparison.Correlation("decoder"), 0.9);
  ASSERT_NE(comparison.MostChanged(), nullptr);
  EXPECT_EQ(comparison.MostChanged()->name, "decoder.layers.0.conv.bias");
}

TEST_F(CompareCodecsTest, KnowsAnotherEncoder) {
  std::normal_distribution<float> noise;
  Change("encoder.*weight.*", [&](float) { return noise(random_); });
  EXPECT_TRUE(CompareWithOriginal().IsAnotherModel());
}

// Nothing that the language model learned depends on the decoder.
TEST_F(CompareCodecsTest, TakesAnotherDecoderForNoOtherModel) {
  std::normal_distribution<float> noise;
  Change("decoder.*weight.*", [&](float) { return noise(random_); });
  const CodecComparison comparison = CompareWithOriginal();
  EXPECT_LT(std::fabs(comparison.Correlation("decoder")), 0.1);
  EXPECT_FALSE(comparison.IsAnotherModel());
}

// Entries around a common mean, in another order.
TEST_F(CompareCodecsTest, KnowsACodebookInAnotherOrder) {
  Tensor& embed = tensors_["quantizer.layers.2.codebook.embed"];
  Change("quantizer.*embed", [](float value) { return value + 5; });
  const auto moved = Write();
  ASSERT_THAT(moved, Succeeds());
  TemporaryFolder elsewhere;
  fs::copy(folder_.path(), elsewhere.path() / "hub", fs::copy_options::recursive);
  const auto first = FollowHub(kName, hub::HubCache(elsewhere.path() / "hub"));
  ASSERT_THAT(first, Succeeds());
  std::rotate(embed.values.begin(), embed.values.begin() + 8, embed.values.end());
  const auto second = Write();
  ASSERT_THAT(second, Succeeds());
  const auto comparison = CompareCodecs(*second, *first);
  ASSERT_THAT(comparison, Succeeds());
  EXPECT_THAT(comparison->UnrelatedCodebooks(), ElementsAre("quantizer.layers.2.codebook.embed"));
  EXPECT_TRUE(comparison->IsAnotherModel());
}

TEST_F(CompareCodecsTest, SeesOptionsThatNoTensorShows) {
  EXPECT_THAT(CompareWithOriginal().other_options, ElementsAre());
  EXPECT_THAT(CompareWithOriginal(false, [](json& config) { config["pad_mode"] = "constant"; }).other_options,
              ElementsAre("seanet.pad_mode is constant, there reflect"));
  EXPECT_THAT(CompareWithOriginal(false, [](json& config) { config["use_causal_conv"] = true; }).other_options,
              ElementsAre("encodec.causal is true, there false"));
}

TEST_F(CompareCodecsTest, KnowsAnotherArchitecture) {
  const auto other = FollowHub("facebook/encodec_24khz", hub::HubCache(fs::path(HARNESS_FIXTURES_DIR) / "hub"));
  ASSERT_THAT(other, Succeeds());
  const auto comparison = CompareCodecs(*other, *original_);
  ASSERT_THAT(comparison, Succeeds());
  EXPECT_NE(comparison->other_architecture, "");
  EXPECT_TRUE(comparison->IsAnotherModel());
  EXPECT_FALSE(comparison->SameBits());
  EXPECT_EQ(comparison->SameUpTo(), std::nullopt);
}

TEST_F(CompareCodecsTest, RefusesACodecWithoutWeights) {
  CodecDescription uncached;
  uncached.name = "somewhere/else";
  uncached.source = UncachedCodec{};
  EXPECT_THAT(CompareCodecs(uncached, *original_), FailsWith(ErrorCode::kUnsupported, "somewhere/else"));
}

}  // namespace
}  // namespace harness::exports
