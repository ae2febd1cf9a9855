// Typed reads and their messages, keys, changes on a copy, configs that are no text.
#include "harness/config/config.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "harness/testing/configs.h"
#include "harness/testing/matchers.h"

namespace harness::config {
namespace {

using namespace testing_support;
constexpr std::string_view kText = R"(transformer_lm:
  dim: 1024
  num_heads: '16'
  n_q: !!str 4
  dropout: 0.
  causal: true
  norm: null
  card: ${bins}
  quoted: ${text_bins}
  activation: gelu
  scale: 1e3
  big: 123456789012345678901
  emb_lr: ???
bins: 2048
text_bins: '2048'
ratios: [8, 5, '4', 2]
names: [a, b, no]
ints: [8, '${bins}', 4]
nested: [{x: 1}, [2, 3]]
a.b: dotted
1: one
sub: ${transformer_lm}
broken: ${nope}
)";

class ConfigReads : public testing::Test {
 protected:
  void SetUp() override {
    Result<Config> config = ParseText(kText);
    ASSERT_TRUE(config.ok()) << config.error().message;
    config_ = *std::move(config);
  }
  const Config& config() const { return *config_; }

 private:
  std::optional<Config> config_;
};

TEST_F(ConfigReads, TypedValues) {
  EXPECT_THAT(config().GetInt("transformer_lm.dim"), Holds(1024));
  EXPECT_THAT(config().GetInt("transformer_lm.card"), Holds(2048));
  EXPECT_THAT(config().GetInt("sub.card"), Holds(2048));
  EXPECT_THAT(config().GetFloat("transformer_lm.dropout"), Holds(0.0));
  EXPECT_THAT(config().GetFloat("transformer_lm.dim"), Holds(1024.0));
  EXPECT_THAT(config().GetFloat("transformer_lm.big"), Holds(123456789012345678901.0));
  EXPECT_THAT(config().GetBool("transformer_lm.causal"), Holds(true));
  EXPECT_THAT(config().GetString("transformer_lm.activation"), Holds("gelu"));
  EXPECT_THAT(config().GetString("transformer_lm.num_heads"), Holds("16"));
  EXPECT_THAT(config().GetIntList("ints"), Holds(std::vector<int64_t>{8, 2048, 4}));
  EXPECT_THAT(config().GetInt("nested[0].x"), Holds(1));
  EXPECT_THAT(config().GetInt("nested.1.0"), Holds(2));
  EXPECT_THAT(config().GetString("[a.b]"), Holds("dotted"));
}

TEST(ConfigValue, WithoutQuotes) {
  const auto bare = [](const char* text) { return ConfigValue{std::string(text)}.WithoutQuotes().Describe(); };
  EXPECT_EQ(bare("32"), "the integer 32");
  EXPECT_EQ(bare("1e-4"), "the float 0.0001");
  EXPECT_EQ(bare("off"), "the boolean false");
  EXPECT_EQ(bare("null"), "null");
  EXPECT_EQ(bare("gelu"), "the text 'gelu'");
  EXPECT_EQ(bare("<<"), "the text '<<'");
  EXPECT_EQ(ConfigValue{true}.WithoutQuotes().Describe(), "the boolean true");
}

TEST_F(ConfigReads, AnotherTypeIsAMismatchThatSaysWhatToChange) {
  const auto fails = [](const char* words) { return FailsWith(ErrorCode::kMismatch, words); };
  EXPECT_THAT(config().GetInt("transformer_lm.num_heads"),
              fails("file.bin: xp.cfg: transformer_lm.num_heads must be an integer, found the text '16' (in quotes in "
                    "the YAML: remove the quotes)"));
  EXPECT_THAT(config().GetInt("transformer_lm.n_q"),
              fails("found the text '4' (tagged as a text in the YAML: remove the tag)"));
  EXPECT_THAT(config().GetInt("transformer_lm.quoted"),
              fails("found the text '2048' (in quotes in the YAML at text_bins: remove the quotes)"));
  EXPECT_THAT(config().GetInt("transformer_lm.scale"),
              fails("must be an integer, found the float 1000.0 (write 1000)"));
  EXPECT_THAT(config().GetInt("transformer_lm.causal"), fails("must be an integer, found the boolean true"));
  EXPECT_THAT(config().GetInt("transformer_lm.norm"), fails("must be an integer, found null"));
  EXPECT_THAT(config().GetInt("transformer_lm"),
              fails("transformer_lm must be an integer, found a mapping of 12 keys"));
  EXPECT_THAT(config().GetInt("transformer_lm.activation"), fails("must be an integer, found the text 'gelu'"));
  EXPECT_THAT(config().GetInt("transformer_lm.big"),
              fails("must be an integer, found the float 1.2345678901234568e+20"));
  EXPECT_THAT(config().GetFloat("transformer_lm.causal"), fails("must be a number, found the boolean true"));
  EXPECT_THAT(config().GetBool("transformer_lm.dim"),
              fails("must be a boolean (true or false), found the integer 1024"));
  EXPECT_THAT(config().GetString("transformer_lm.dim"),
              fails("must be a text, found the integer 1024 (put it in quotes in the YAML)"));
  EXPECT_THAT(config().GetIntList("ratios"),
              fails("ratios[2] must be an integer, found the text '4' (in quotes in the YAML: remove the quotes)"));
  EXPECT_THAT(config().GetIntList("bins"), fails("bins must be a list of integers, found the integer 2048"));
  EXPECT_THAT(config().GetStringList("names"),
              fails("names[2] must be a text, found the boolean false (put it in quotes in the YAML)"));
  EXPECT_THAT(config().GetStringList("bins"), fails("bins must be a list of texts, found the integer 2048"));
}

TEST_F(ConfigReads, WhatIsNotThere) {
  const auto fails = [](const char* words) { return FailsWith(ErrorCode::kNotFound, words); };
  EXPECT_THAT(config().Get("transformer_lm.heads"),
              fails("file.bin: xp.cfg: transformer_lm.heads is not there (did you mean transformer_lm.num_heads?)"));
  EXPECT_THAT(config().Get("transformer_lm.dmi"),
              fails("transformer_lm.dmi is not there (did you mean transformer_lm.dim?)"));
  EXPECT_THAT(config().Get("transformer_lm.qqqqqq"), testing::Not(fails("did you mean")));
  EXPECT_THAT(config().Get("sub.dmi"),
              fails("sub.dmi is not there (which is transformer_lm) (did you mean transformer_lm.dim?)"));
  EXPECT_THAT(config().Get("transformer_lm.emb_lr"), fails("transformer_lm.emb_lr is ???: missing mandatory value"));
  EXPECT_THAT(config().Get("ratios[4]"), fails("ratios[4] is not there (it has 4 items)"));
  EXPECT_THAT(config().Get("1"),
              fails("1 is not there (there is the key 1, which is not a text: put it in quotes in the YAML)"));
}

TEST_F(ConfigReads, PathsThroughWhatIsNoMapping) {
  const auto fails = [](const char* words) { return FailsWith(ErrorCode::kMismatch, words); };
  EXPECT_THAT(config().Get("transformer_lm.norm.x"),
              fails("transformer_lm.norm must be a mapping or a list to hold transformer_lm.norm.x, found null"));
  EXPECT_THAT(config().Get("bins.x"), fails("bins must be a mapping or a list to hold bins.x, found the integer 2048"));
  EXPECT_THAT(config().Get("ratios.x"), fails("ratios is a list, and 'x' is not an index"));
  EXPECT_THAT(config().Get("broken.x"), fails("broken is '${nope}'"));
}

TEST_F(ConfigReads, HasAndKeysDoNotResolveValues) {
  for (const char* path : {"", "transformer_lm", "transformer_lm.norm", "transformer_lm.emb_lr", "broken", "sub.dim",
                           "ratios[3]", "[a.b]"}) {
    EXPECT_TRUE(config().Has(path)) << path;
  }
  for (const char* path :
       {"x", "transformer_lm.x", "transformer_lm.norm.x", "broken.x", "ratios[4]", "ratios.x", "a.b", "1"}) {
    EXPECT_FALSE(config().Has(path)) << path;
  }
  EXPECT_THAT(config().Keys(""),
              Holds(std::vector<std::string>{"transformer_lm", "bins", "text_bins", "ratios", "names", "ints", "nested",
                                             "a.b", "1", "sub", "broken"}));
  EXPECT_EQ(config().Keys("sub")->size(), 12u);
  EXPECT_THAT(config().Keys("bins"), FailsWith(ErrorCode::kMismatch, "bins must be a mapping, found the integer 2048"));
  EXPECT_THAT(config().Keys("nope"), FailsWith(ErrorCode::kNotFound, "nope is not there"));
}

TEST_F(ConfigReads, ChangesAreOnACopy) {
  const Config changed =
      config().With("device", {std::string("cpu")}).With("transformer_lm.dim", {int64_t{7}}).With("x.y.z", {true});
  EXPECT_THAT(changed.GetString("device"), Holds("cpu"));
  EXPECT_THAT(changed.GetInt("sub.dim"), Holds(7));
  EXPECT_THAT(changed.GetBool("x.y.z"), Holds(true));
  EXPECT_EQ(changed.Keys("transformer_lm")->front(), "dim");
  EXPECT_FALSE(config().Has("device"));
  EXPECT_THAT(config().GetInt("transformer_lm.dim"), Holds(1024));

  const Config removed =
      config().Without("transformer_lm.num_heads").Without("nope.x").Without("ratios[2]").Without("broken");
  EXPECT_FALSE(removed.Has("transformer_lm.num_heads"));
  EXPECT_THAT(removed.GetIntList("ratios"), Holds(std::vector<int64_t>{8, 5, 2}));
  EXPECT_FALSE(removed.Has("broken"));
  EXPECT_TRUE(config().Has("transformer_lm.num_heads"));
  EXPECT_EQ(removed.source(), "file.bin: xp.cfg");
}

TEST_F(ConfigReads, ChangedValuesMayHoldInterpolations) {
  EXPECT_THAT(config().With("x", {std::string("${bins}")}).GetInt("x"), Holds(2048));
  EXPECT_THAT(config().With("x", {std::string("${bins")}).Get("x"),
              FailsWith(ErrorCode::kMismatch, "malformed interpolation: expected '}'"));
  EXPECT_THAT(config().With("bins", {int64_t{5}}).GetInt("transformer_lm.card"), Holds(5));
  EXPECT_THAT(config().With("ratios[4]", {int64_t{5}}).GetInt("ratios[4]"), Holds(5));
  EXPECT_FALSE(config().With("ratios[9]", {int64_t{5}}).Has("ratios[5]"));
  EXPECT_THAT(config().With("bins.x", {int64_t{5}}).GetInt("bins.x"), Holds(5));
}

TEST(Config, SubtreesAreWhollyResolvedAndKeepMissingMarks) {
  const Result<Config> config = ParseText("a:\n  b: ${c}\n  d: ???\n  e: [1, '${.0}']\nc: {x: 1.5}\n");
  ASSERT_TRUE(config.ok());
  const Result<ConfigValue> value = config->Get("a");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->Find("b")->Find("x")->Describe(), "the float 1.5");
  EXPECT_EQ(value->Find("d")->Describe(), "the text '?\?\?'");
  EXPECT_EQ(value->Find("e")->Describe(), "a list of 2");
  EXPECT_EQ(value->Find("nope"), nullptr);
  EXPECT_EQ(value->Describe(), "a mapping of 3 keys");
  EXPECT_EQ(ConfigValue{}.Describe(), "null");
  EXPECT_EQ(ConfigValue{std::numeric_limits<double>::quiet_NaN()}.Describe(), "the float nan");
  EXPECT_EQ(ConfigValue{std::string(100, 'x')}.Describe(), "the text '" + std::string(60, 'x') + "...'");
  EXPECT_EQ(ConfigValue{std::string("a\nb\x01")}.Describe(), "the text 'a\\nb\\x01'");
}

ConfigValue Map(ConfigValue::Map map) { return {std::move(map)}; }

TEST(ConfigFromValue, ReadsLikeText) {
  const Result<Config> config = Config::FromValue(Map({{"a", {int64_t{1}}},
                                                       {"b", {std::string("${a}")}},
                                                       {"c", {ConfigValue::List{{std::string("${..a}")}, {}}}},
                                                       {"d", {std::string("1")}}}),
                                                  "pickle");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_THAT(config->GetInt("b"), Holds(1));
  EXPECT_THAT(config->GetInt("c[0]"), Holds(1));
  EXPECT_TRUE(config->Get("c[1]")->is_null());
  EXPECT_THAT(config->GetInt("d"), FailsWith(ErrorCode::kMismatch, "pickle: d must be an integer, found the text '1'"));
}

TEST(ConfigFromValue, RefusesWhatIsNoConfig) {
  const auto fails = [](const char* words) { return FailsWith(ErrorCode::kCorrupt, words); };
  EXPECT_THAT(Config::FromValue({ConfigValue::List{}}, "p"),
              fails("p: not a mapping of keys to values, but a list of 0"));
  EXPECT_THAT(Config::FromValue(Map({{"a", Map({{"b", {std::string("${x")}}})}}), "p"),
              fails("p: a.b is the malformed interpolation '${x'"));
  EXPECT_THAT(Config::FromValue(Map({{"a", {}}, {"a", {}}}), "p"), fails("p: the key a is there twice"));
  ConfigValue deep;
  for (int i = 0; i < 300; ++i) deep = {ConfigValue::List{std::move(deep)}};
  EXPECT_THAT(Config::FromValue(Map({{"a", deep}}), "p"), fails("is nested deeper than 200 levels"));
  EXPECT_THAT(Config::FromValue(Map({{"a", {ConfigValue::List(200'000)}}}), "p"), fails("is beyond 100000 values"));
}

}  // namespace
}  // namespace harness::config
