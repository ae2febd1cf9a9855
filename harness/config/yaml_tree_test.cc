// Text that is not a config: each kind of damage has its own words, a line and a column.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/config/config.h"
#include "harness/testing/configs.h"
#include "harness/testing/matchers.h"

namespace harness::config {
namespace {

using namespace testing_support;
struct BadText {
  const char* name;
  std::string text;
  const char* words;
};

class BadYaml : public testing::TestWithParam<BadText> {};

TEST_P(BadYaml, IsCorruptWithTheWordsThatHelp) {
  const Result<Config> config = ParseText(GetParam().text);
  EXPECT_THAT(config, FailsWith(ErrorCode::kCorrupt, GetParam().words));
  EXPECT_THAT(config, FailsWith(ErrorCode::kCorrupt, "file.bin: xp.cfg: "));
}

std::string Repeat(const std::string& text, size_t n) {
  std::string out;
  for (size_t i = 0; i < n; ++i) out += text;
  return out;
}

// Nine levels of nine aliases each: 9^8 values.
std::string AliasBomb() {
  std::string text = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'j'; ++c) {
    const std::string alias = fmt::format("*{}", static_cast<char>(c - 1));
    text += fmt::format("{0}: &{0} [{1}{2}]\n", c, Repeat(alias + ", ", 8), alias);
  }
  return text;
}

// Each line puts eight lists around the one before it.
std::string DeepAliases() {
  std::string text = "a0: &a0 [1]\n";
  for (int i = 1; i < 40; ++i) text += fmt::format("a{0}: &a{0} [[[[[[[[*a{1}]]]]]]]]\n", i, i - 1);
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    Damage, BadYaml,
    testing::Values(
        BadText{"UnclosedQuote", "a: 1\nb: 'x\n",
                "a quoted text has no closing quote; it is opened in line 2 or later"},
        BadText{"UnclosedQuoteAtTheEnd", "a: 1\nb: \"x",
                "a quoted text has no closing quote; it is opened in line 2 or later"},
        BadText{"OnlyAQuote", "'", "a quoted text has no closing quote"},
        BadText{"UnclosedList", "a: [1, 2\nb: 3\n", "not YAML at line 2"},
        BadText{"TruncatedInAKey", "a: 1\nsample_ra",
                "line 2, column 1: could not find the ':' after a key (the line is 'sample_ra')"},
        BadText{"TruncatedInANestedKey", "a:\n  b: 1\n  samp\n",
                "line 3, column 3: could not find the ':' after a key"},
        BadText{"Tab", "a:\t1\n", "line 1, column 1: a tab between words"},
        BadText{"TabIndentation", "a:\n\tb: 1\n", "not YAML at line 2"},
        BadText{"TabInAWord", "a: 1\nb: nu\tll\n", "line 2, column 4: a tab between words"},
        BadText{"Directive", "a: 1\n%x\n", "line 2, column 1"},
        BadText{"ControlCharacter", std::string("a: 1\nb: \x00", 9),
                "line 2, column 4: the control character U+0000: the text is binary or damaged"},
        BadText{"NotUtf8", "a: \xFF\xFE", "not UTF-8 at line 1, column 4 (byte 0xff)"},
        BadText{"OverlongUtf8", "a: \xC0\x80", "not UTF-8 at line 1, column 4"},
        BadText{"Surrogate", "a: \xED\xA0\x80", "not UTF-8 at line 1, column 4"},
        BadText{"CutUtf8", "a: \xE2\x82", "not UTF-8 at line 1, column 4"},
        BadText{"TwoDocuments", "a: 1\n---\nb: 2\n", "line 2, column 1: more than one YAML document"},
        BadText{"List", "- 1\n- 2\n", "not a mapping of keys to values, but a list"},
        BadText{"Number", "12", "not a mapping of keys to values, but the single value 12"},
        BadText{"DuplicateKey", "a: 1\nb:\n  c: 1\n  c: 2\n",
                "line 4, column 3: b.c is there twice: the first one is in line 3"},
        BadText{"DuplicateKeyInAList", "a:\n- {x: 1, x: 2}\n", "line 2, column 10: a[0].x is there twice"},
        BadText{"NullKey", "a: {~: 1}\n", "line 1, column 5: a has a null key"},
        BadText{"ListKey", "a: {[1]: 2}\n", "line 1, column 5: a has a key that is not a text"},
        BadText{"PythonTuple", "a: !!python/tuple [1]\n",
                "line 1, column 4: a has the tag 'tag:yaml.org,2002:python/tuple', which OmegaConf cannot load: "
                "yaml.dump writes objects so; xp.cfg is what OmegaConf.to_yaml(cfg) gives"},
        BadText{"LocalTag", "a: {b: !x 1}\n", "line 1, column 8: a.b has the tag '!x', which OmegaConf cannot load"},
        BadText{"PythonTag", "a: !!python/name:os.system ''\n",
                "line 1, column 4: a has the tag 'tag:yaml.org,2002:python/name:os.system'"},
        BadText{"NoInteger", "a: !!int x\n",
                "line 1, column 4: a is 'x', which is not of the tag 'tag:yaml.org,2002:int'"},
        BadText{"BinaryWithoutDigits", "a: 0b_\n",
                "line 1, column 4: a is '0b_', which the YAML loader cannot read: put it in quotes"},
        BadText{"MergeAsValue", "a: <<\n", "line 1, column 4: a is '<<'"},
        BadText{"MergeOfAText", "a: {<<: x}\n",
                "merges (<<) something that is neither a mapping nor a list of mappings"},
        BadText{"UnknownAlias", "a: *x\n", "line 1, column 4"},
        BadText{"SecondAnchor", "a: &x 1\nb: &x 2\n", "the anchor 'x' is there twice"},
        BadText{"AliasInItsAnchor", "a: &x [*x]\n", "line 1, column 8: an alias inside of its own anchor"},
        BadText{"MalformedInterpolation", "a: 1\nb: {c: '${a'}\n",
                "line 2, column 8: b.c is the malformed interpolation '${a': expected '}' at the end of the text"},
        BadText{"AliasBomb", AliasBomb(), "is beyond 100000 values: aliases that multiply?"},
        BadText{"AliasedText", fmt::format("a: &a {}\nb: [{}]\n", std::string(1 << 20, 'x'), Repeat("*a, ", 30)),
                "is beyond 16777216 bytes of text"},
        BadText{"DeepLists", Repeat("[", 100'000), "it is nested deeper than 200 levels"},
        BadText{"DeepMappings", Repeat("{a: ", 100'000), "nested deeper than 200 levels"},
        BadText{"DeepBlocks", Repeat("- ", 100'000), "nested deeper than 200 levels"},
        BadText{"DeepAliases", DeepAliases(), "is nested deeper than 200 levels"},
        BadText{"ManyValues", fmt::format("[{}]", Repeat("x, ", 200'000)), "it holds more than 100000 values"},
        BadText{"Huge", std::string((8u << 20) + 1, ' '), "8388609 bytes of YAML"}),
    [](const auto& test) { return test.param.name; });

TEST(YamlTree, LegalTabsPercentsAndEnds) {
  const Result<Config> config = ParseText("# \t\na: 'x\ty'\nb: |\n  p\tq\n  %z\nc: 1 # \t%\nd: 'e\n  %f'\n");
  ASSERT_THAT(config, testing::Property(&Result<Config>::ok, true)) << config.error().message;
  EXPECT_THAT(config->GetString("a"), Holds("x\ty"));
  EXPECT_THAT(config->GetString("b"), Holds("p\tq\n%z\n"));
  EXPECT_THAT(config->GetInt("c"), Holds(1));
  EXPECT_THAT(config->GetString("d"), Holds("e %f"));
}

// A config as OmegaConf.to_yaml writes it, with most of what it can hold.
constexpr std::string_view kSample =
    "device: cpu\nseed: 2036\nlr: 0.0001\nflag: false\nnone: null\nquoted: 'true'\nmissing: ???\n"
    "dora:\n  dir: /checkpoint/${oc.env:USER}/x\n  exclude:\n  - wandb.*\n  - 'no'\n"
    "lm:\n  dim: 1024\n  card: ${codec.bins}\n  names: [a, \"b c\", 'd']\ncodec: {bins: 2048, r: [8, 5, 4]}\ntext: "
    "|-\n  one\n  two\n";

TEST(YamlTree, EveryTruncationEndsInAValueOrAnError) {
  size_t failures = 0;
  for (size_t size = 0; size < kSample.size(); ++size) {
    const Result<Config> config = ParseText(kSample.substr(0, size));
    if (config) {
      (void)config->Get("");
    } else {
      ++failures;
      EXPECT_EQ(config.error().code, ErrorCode::kCorrupt) << size;
    }
  }
  EXPECT_GT(failures, kSample.size() / 4);
}

TEST(YamlTree, EveryMutationEndsInAValueOrAnError) {
  const std::string_view inserted = "\"'[]{}:,-#&*!|>%@`?\t\n \\$~<=\x01\xff.0";
  for (size_t i = 0; i < kSample.size(); ++i) {
    for (const char c : inserted) {
      for (const size_t removed : {0u, 1u}) {
        std::string text(kSample);
        text.replace(i, removed, 1, c);
        const Result<Config> config = ParseText(text);
        if (!config) {
          ASSERT_EQ(config.error().code, ErrorCode::kCorrupt) << text;
          continue;
        }
        (void)config->Get("");
        (void)config->Get("lm");
        (void)config->GetInt("lm.card");
        (void)config->Keys("codec");
      }
    }
  }
}

}  // namespace
}  // namespace harness::config
