// EnCodec's config.json, DAC's arguments and the codebook rule: what they refuse. What they accept is held against the
// real ones in model/codec_test.cc.
#include <gmock/gmock.h>

#include <string>

#include "harness/architecture/codec_facts.h"
#include "harness/architecture/dac_spec.h"
#include "harness/architecture/hub_encodec.h"
#include "harness/architecture/known_codecs.h"

namespace harness::architecture {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Bad {
  const char* name;
  const char* key;
  config::ConfigValue value;
  const char* words;
};

template <class T>
config::ConfigValue ListOf(const std::vector<T>& values) {
  config::ConfigValue::List list(values.size());  // GCC 12 takes a push_back for a read of what is not initialised
  for (size_t i = 0; i < values.size(); ++i) list[i].data = values[i];
  return {std::move(list)};
}
config::ConfigValue Numbers(const std::vector<double>& values) { return ListOf(values); }
config::ConfigValue Integers(const std::vector<int64_t>& values) { return ListOf(values); }
config::ConfigValue Text(const char* text) { return {std::string(text)}; }

TEST(HubEncodec, TakesTheLibrarysDefaults) {
  const auto model = DescribeHubEncodec({}, "config.json");
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(model->facts.frame_rate_hz, 75);
  EXPECT_THAT(model->facts.possible_codebooks, ElementsAre(2, 4, 8, 16, 32));
  EXPECT_EQ(model->facts.codebooks, 32);
  EXPECT_EQ(model->facts.cardinality, 1024);
}

TEST(HubEncodec, SaysWhatIsWrong) {
  const std::vector<Bad> rows = {
      {"Norm", "norm_type", Text("spectral_norm"), "norm_type must be one of weight_norm, time_group_norm"},
      {"Size", "codebook_size", {int64_t{1000}}, "codebook_size must be a power of 2 (ValueError), found 1000"},
      {"NoWholeCount", "target_bandwidths", Numbers({2.2}), "none is a whole number"},
      {"Empty", "target_bandwidths", Integers({}), "target_bandwidths must be a list of numbers"},
      {"NotANumber", "target_bandwidths", ListOf<std::string>({"x"}), "must be a list of numbers"},
      {"Huge", "target_bandwidths", Numbers({1e300}), "target_bandwidths"},
      {"Nothing", "target_bandwidths", Numbers({0}), "leave no codebook"},
      {"SmallBooks", "codebook_size", {int64_t{256}}, "decoding raises an IndexError"},
      {"Width", "codebook_dim", {int64_t{64}}, "codebook_dim is 64, hidden_size is 128"},
      {"Trim", "trim_right_ratio", {0.5}, ""},
      {"Stride", "upsampling_ratios", Integers({0, 2}), "upsampling_ratios must be positive"},
      {"Another", "model_type", Text("t5"), "model_type must be one of encodec, found 't5'"},
  };
  for (const Bad& row : rows) {
    SCOPED_TRACE(row.name);
    const auto model = DescribeHubEncodec({{row.key, row.value}}, "x/config.json");
    if (*row.words == '\0') {
      EXPECT_TRUE(model.ok()) << "causal is the default";
      continue;
    }
    ASSERT_FALSE(model.ok());
    EXPECT_EQ(model.error().code, ErrorCode::kMismatch);
    EXPECT_THAT(model.error().message, HasSubstr(row.words));
    EXPECT_THAT(model.error().message, testing::StartsWith("x/config.json: "));
  }
}

TEST(Dac, TakesTheConstructorsDefaults) {
  const auto dac = DescribeDac({}, "weights.pth");
  ASSERT_TRUE(dac.ok()) << dac.error().message;
  EXPECT_EQ(dac->facts.codebooks, FindKnownCodec("dac_44khz")->facts.codebooks);
  EXPECT_EQ(dac->facts.frame_rate_hz, FindKnownCodec("dac_44khz")->facts.frame_rate_hz);
  EXPECT_EQ(dac->spec.latent, 1024);
}

TEST(Dac, SaysWhatIsWrong) {
  const std::vector<Bad> rows = {
      {"Strides", "decoder_rates", Integers({8, -1}), "decoder_rates must be 1 to 8 strides"},
      {"Halved", "decoder_dim", {int64_t{8}}, "is halved by each of decoder_rates"},
      {"Dims", "codebook_dim", Integers({8, 8}), "codebook_dim must be one positive width for each codebook"},
      {"Latent", "latent_dim", {int64_t{-1}}, "latent_dim must be positive"},
      {"Books", "n_codebooks", {int64_t{1} << 40}, "n_codebooks must be between 1 and 4096"},
  };
  for (const Bad& row : rows) {
    SCOPED_TRACE(row.name);
    const auto dac = DescribeDac({{row.key, row.value}}, "weights.pth");
    ASSERT_FALSE(dac.ok());
    EXPECT_EQ(dac.error().code, ErrorCode::kMismatch);
    EXPECT_THAT(dac.error().message, HasSubstr(row.words));
  }
}

TEST(CodecFacts, WrapsAsProductionDoes) {
  CodecFacts codec = FindKnownCodec("facebook/encodec_24khz")->facts;
  const CodecFacts books = Wrap(codec, {true, false, 4}).value();
  EXPECT_EQ(books.codebooks, 8);
  EXPECT_EQ(books.channels, 2);
  EXPECT_EQ(books.total_codebooks, 32);
  const CodecFacts steps = Wrap(codec, {true, true, std::nullopt}).value();
  EXPECT_EQ(steps.codebooks, 32);
  EXPECT_EQ(steps.frame_rate_hz, 150);
  EXPECT_EQ(steps.Samples(10), 5 * 320);

  const auto count = Wrap(codec, {false, false, 3});
  ASSERT_FALSE(count.ok());
  EXPECT_EQ(count.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(count.error().message, HasSubstr("allow 2 or 4 or 8 or 16 or 32 codebooks, not 3 (ValueError"));
  const auto more = Wrap(FindKnownCodec("dac_44khz")->facts, {false, false, 10});
  ASSERT_FALSE(more.ok());
  EXPECT_THAT(more.error().message, HasSubstr("has 9 codebooks, and 10 are asked for"));
  const auto stereo = Wrap(FindKnownCodec("facebook/encodec_48khz")->facts, {true, false, std::nullopt});
  ASSERT_FALSE(stereo.ok());
  EXPECT_THAT(stereo.error().message, HasSubstr("the codec has 2 channels: the wrap asserts that it is mono"));
}

}  // namespace
}  // namespace harness::architecture
