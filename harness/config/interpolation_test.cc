// Reading through interpolations: what the message says, and that no config can make a read endless. Values are in
// omegaconf_cases_test.cc.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/config/config.h"
#include "harness/testing/configs.h"
#include "harness/testing/matchers.h"

namespace harness::config {
namespace {

using namespace testing_support;
struct BadRead {
  const char* name;
  std::string text;
  const char* path;
  ErrorCode code;
  const char* words;
};

class BadInterpolation : public testing::TestWithParam<BadRead> {};

TEST_P(BadInterpolation, SaysWhatIsWrong) {
  const Result<Config> config = ParseText(GetParam().text);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_THAT(config->Get(GetParam().path), FailsWith(GetParam().code, GetParam().words));
  EXPECT_THAT(config->Get(GetParam().path), FailsWith(GetParam().code, "file.bin: xp.cfg: "));
}

constexpr ErrorCode kMismatch = ErrorCode::kMismatch;

INSTANTIATE_TEST_SUITE_P(
    Reads, BadInterpolation,
    testing::Values(
        BadRead{"MissingKey", "a: {b: '${lm.dmi}'}\nlm: {dim: 1}", "a.b", kMismatch,
                "a.b is '${lm.dmi}': the key lm.dmi of ${lm.dmi} is not there: lm has no 'dmi' (did you mean lm.dim?)"},
        BadRead{"MissingRoot", "a: ${x.y}", "a", kMismatch,
                "the key x.y of ${x.y} is not there: the config has no 'x'"},
        BadRead{"ReadForAnother", "a: {b: '${nope}'}\nc: ${a.b}", "c", kMismatch,
                "a.b is '${nope}': the key nope of ${nope} is not there: the config has no 'nope' (read for c)"},
        BadRead{"ThroughAScalar", "a: ${b.c}\nb: 1", "a", kMismatch,
                "b is neither a mapping nor a list, so it has no 'c'"},
        BadRead{"ThroughNull", "a: ${b.c}\nb: null", "a", kMismatch, "b is neither a mapping nor a list"},
        BadRead{"BadIndex", "a: ${b.c}\nb: [1]", "a", kMismatch, "b is a list, and 'c' is not an index"},
        BadRead{"IndexBeyond", "a: ${b.3}\nb: [1]", "a", kMismatch, "b has no '3' (it has 1 items)"},
        BadRead{"IntegerKey", "a: ${b.1}\nb: {1: x}", "a", kMismatch,
                "(there is the key 1, which is not a text: put it in quotes in the YAML)"},
        BadRead{"MissingValue", "a: ${b}\nb: ???", "a", kMismatch,
                "the key b of ${b} is ???, a missing mandatory value: set it"},
        BadRead{"TooManyDots", "a: ${...b}", "a", kMismatch, "'...b' goes above the top of the config"},
        BadRead{"UnsetVariable", "dora: {dir: '/x/${oc.env:HARNESS_NOPE}'}", "dora.dir", kMismatch,
                "dora.dir is '/x/${oc.env:HARNESS_NOPE}': the environment variable HARNESS_NOPE is not set, and "
                "${oc.env:HARNESS_NOPE} has no default: set HARNESS_NOPE"},
        BadRead{"UnknownResolver", "a: {b: '${hydra:x}'}", "a.b", kMismatch,
                "a.b is '${hydra:x}': the resolver 'hydra' in ${hydra:x} is unknown"},
        BadRead{"Create", "a: '${oc.create:{x: 1}}'", "a", ErrorCode::kUnsupported,
                "the resolver oc.create in ${oc.create:{x: 1}} is not read by this suite"},
        BadRead{"Arguments", "a: '${oc.env:a,b,c}'", "a", kMismatch,
                "oc.env in ${oc.env:a,b,c} takes a variable and an optional default, found 3 arguments"},
        BadRead{"Decode", "a: ${oc.decode:'[1'}", "a", kMismatch,
                "${oc.decode:'[1'} cannot decode '[1': expected ',' or ']' at the end of the text"},
        BadRead{"KeyIsNoText", "a: ${${b}.c}\nb: 1", "a", kMismatch,
                "${b} is part of the key ${${b}.c}, so it must be a text, found the integer 1"},
        BadRead{"DictOfAList", "a: ${oc.dict.keys:b}\nb: [1]", "a", kMismatch,
                "the key b of ${oc.dict.keys:b} must be a mapping"},
        BadRead{"Cycle", "a: ${b}\nb: ${a}", "a", kMismatch,
                "a is '${b}': the interpolation leads back to itself (a cycle)"},
        BadRead{"Self", "a: ${a}", "a", kMismatch, "a cycle"},
        BadRead{"SelfThroughAPath", "a: ${a.b}", "a", kMismatch, "a cycle"},
        BadRead{"OwnParent", "a: {b: '${a}'}", "a.b", kMismatch,
                "${a} leads to a mapping or list that holds it (a cycle)"},
        BadRead{"MutualParents", "a: {x: '${b}'}\nb: {x: '${a}'}", "a", kMismatch,
                "holds itself through an interpolation (a cycle)"},
        BadRead{"EndlessDecode", "a: ${oc.decode:${x}}\nx: '\\${oc.decode:\\${x}}'", "a", kMismatch,
                "more than 200 interpolations lead to each other"},
        BadRead{"Bytes", "a: {b: !!binary aGk=}", "a", ErrorCode::kUnsupported,
                "a.b is a value with the tag 'tag:yaml.org,2002:binary', which this suite does not read"}),
    [](const auto& test) { return test.param.name; });

TEST(Interpolation, IsNotReadWhereNobodyAsks) {
  const Result<Config> config =
      ParseText("dora: {dir: '${oc.env:HARNESS_NOPE}', x: 1}\nlm: {dim: 2}\nraw: !!binary aGk=\n");
  ASSERT_TRUE(config.ok());
  EXPECT_THAT(config->GetInt("lm.dim"), Holds(2));
  EXPECT_THAT(config->GetInt("dora.x"), Holds(1));
  EXPECT_TRUE(config->Has("dora.dir"));
  EXPECT_TRUE(config->Has("raw"));
  EXPECT_FALSE(config->Get("dora").ok());
}

// Each level refers to the one before it nine times.
std::string Levels(const std::string& first, bool lists) {
  std::string text = first;
  for (char c = 'b'; c < 'm'; ++c) {
    std::string items;
    for (int i = 0; i < 9; ++i) {
      const std::string one = fmt::format("${{{}}}", static_cast<char>(c - 1));
      items += lists ? fmt::format("'{}', ", one) : one;
    }
    text += fmt::format("{}: {}\n", c, lists ? fmt::format("[{}]", items) : items);
  }
  return text;
}

TEST(Interpolation, ThatMultipliesIsAnError) {
  for (const std::string& text : {Levels("a: [1]\n", true), Levels("a: xxxxxxxxxx\n", false)}) {
    const Result<Config> config = ParseText(text);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_THAT(config->Get("l"), FailsWith(kMismatch, "interpolations multiply"));
    EXPECT_THAT(config->Get(""), FailsWith(kMismatch, "interpolations multiply"));
    EXPECT_TRUE(config->Get("c").ok());
  }
}

TEST(Interpolation, AChainOfAHundredIsFollowed) {
  std::string text = "a100: end\n";
  for (int i = 0; i < 100; ++i) text += fmt::format("a{}: ${{a{}}}\n", i, i + 1);
  const Result<Config> config = ParseText(text);
  ASSERT_TRUE(config.ok());
  EXPECT_THAT(config->GetString("a0"), Holds("end"));
}

TEST(Interpolation, ReadsTheEnvironmentItIsGiven) {
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    return name == "DIM" ? std::optional<std::string>("64") : std::nullopt;
  };
  const Result<Config> config =
      Config::Parse("a: ${oc.env:DIM}\nb: ${oc.decode:${oc.env:DIM}}\nc: ${oc.env:NOPE,1}\n", "f", environment);
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(std::get<std::string>(config->Get("a")->data), "64");
  EXPECT_EQ(std::get<int64_t>(config->Get("b")->data), 64);
  EXPECT_THAT(config->GetString("c"), Holds("1"));
  EXPECT_THAT(config->GetInt("a"), FailsWith(kMismatch,
                                             "found a text from ${oc.env:DIM} (its value is not shown) (an "
                                             "interpolation makes a text of it: oc.env and joined texts always do"));
  EXPECT_THAT(config->GetInt("b"), FailsWith(ErrorCode::kUnsupported, "b takes its value from ${oc.env:DIM}"));
}

// What a variable holds is the machine's: it is followed through everything that a config can do with it.
TEST(Interpolation, MarksWhatComesFromTheEnvironment) {
  struct Case {
    const char* text;
    const char* marked;  // what the value is marked with; null: it can't be read, and the message does not hold it
  };
  const std::vector<Case> cases = {
      {"${oc.env:SECRET}", "${oc.env:SECRET}"},
      {"x${oc.env:SECRET}y", "${oc.env:SECRET}"},
      {"${other}", "${oc.env:SECRET}"},
      {"${oc.env:NOPE,${oc.env:SECRET}}", "${oc.env:SECRET}"},
      {"${oc.env:NOPE,'a${oc.env:SECRET}'}", "${oc.env:SECRET}"},
      {"${oc.env:NOPE,[1,${oc.env:SECRET}]}", "${oc.env:SECRET}"},
      {"${oc.select:nope,${oc.env:SECRET}}", "${oc.env:SECRET}"},
      {"${oc.decode:'{a: ${oc.env:SECRET}}'}", "${oc.env:SECRET}"},
      {"${oc.decode:${oc.env:MAP}}", "${oc.env:MAP}"},
      {"${oc.decode:${oc.env:NESTED}}", "${oc.env:NESTED}"},
      {"${oc.env:${oc.env:NAME}}", "${oc.env:${oc.env:NAME}}"},
      {"${oc.env:NOPE,1}", ""},
      {"${oc.select:${oc.env:NAME},7}", ""},  // of the file, whatever chose it
      {"${${oc.env:SECRET}}", nullptr},
      {"${other.${oc.env:SECRET}}", nullptr},
      {"${${oc.env:SECRET}:1}", nullptr},
      {"${oc.env:${oc.env:SECRET}}", nullptr},
      {"${oc.decode:'[${oc.env:SECRET}'}", nullptr},
      {"${oc.decode:${oc.env:BROKEN}}", nullptr},
      {"${oc.decode:${oc.env:LOST}}", nullptr},
      {"${oc.deprecated:${oc.env:SECRET}}", nullptr},
      {"${oc.dict.keys:${oc.env:SECRET}}", nullptr},
      {"${oc.create:${oc.env:SECRET}}", nullptr},
  };
  const std::map<std::string, std::string> variables = {
      {"SECRET", "hunter2"},          {"MAP", "{hunter2: [1, hunter2]}"},
      {"NESTED", "${oc.env:SECRET}"}, {"NAME", "SECRET"},
      {"BROKEN", "[hunter2"},         {"LOST", "${hunter2}"}};
  const auto environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const std::string yaml = fmt::format("a: \"{}\"\nother: ${{oc.env:SECRET}}\n", c.text);
    const Result<Config> config = Config::Parse(yaml, "f", environment);
    ASSERT_TRUE(config.ok()) << config.error().message;
    const Result<ConfigValue> value = config->Get("a");
    ASSERT_EQ(value.ok(), c.marked != nullptr) << (value.ok() ? value->Describe() : value.error().message);
    if (value.ok()) {
      EXPECT_EQ(value->FromEnvironment(), c.marked);
      EXPECT_THAT(value->Describe(), testing::Not(testing::HasSubstr("hunter2")));
      EXPECT_FALSE(config->Keys("a").ok());
    } else {
      EXPECT_THAT(value.error().message, testing::Not(testing::HasSubstr("hunter2")));
    }
    for (const auto& message :
         {config->GetInt("a").ok() ? "" : config->GetInt("a").error().message, config->GetBool("a").error().message,
          config->GetStringList("a").error().message, config->GetIntList("a").error().message}) {
      EXPECT_THAT(message, testing::Not(testing::HasSubstr("hunter2")));
    }
  }
}

// See harness/LIMITS.md.
TEST(Interpolation, DecodesUpToABound) {
  const auto read = [](size_t size) {
    return Config::Parse("a: ${oc.decode:${x}}\nx: '" + std::string(size, 'x') + "'\n", "f").value().Get("a");
  };
  EXPECT_TRUE(read(65'536).ok());
  EXPECT_THAT(read(65'537), FailsWith(ErrorCode::kUnsupported, "is given 65537 bytes; this suite decodes up to 65536"));
}

}  // namespace
}  // namespace harness::config
