#include "harness/base/json_text.h"

#include <gmock/gmock.h>

#include "harness/testing/matchers.h"

namespace harness {
namespace {

using testing::ElementsAre;
using testing_support::FailsWith;

std::string Nested(int levels) { return std::string(levels, '[') + std::string(levels, ']'); }

TEST(ParseJson, KeepsTheOrderOfTheRootsKeys) {
  const auto document = ParseJson(R"({"b": 1, "a": {"c": [2.5, null, "x"]}})", "config.json");
  ASSERT_TRUE(document.ok()) << document.error().message;
  EXPECT_THAT(document->root_keys, ElementsAre("b", "a"));
  EXPECT_EQ(document->root["a"]["c"][2], "x");
}

TEST(ParseJson, RefusesAKeyThatIsThereTwice) {
  EXPECT_THAT(ParseJson(R"({"a": 1, "a": 1})", "f"), FailsWith(ErrorCode::kCorrupt, "the key a twice"));
  EXPECT_THAT(ParseJson(R"([{"x": {"a": 1, "b": 2, "a": 3}}])", "f"),
              FailsWith(ErrorCode::kCorrupt, "the key a twice"));
  EXPECT_TRUE(ParseJson(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]})", "f").ok());
}

TEST(ParseJson, RefusesWhatIsNestedTooDeep) {
  EXPECT_TRUE(ParseJson(Nested(64), "f").ok());
  EXPECT_THAT(ParseJson(Nested(65), "f"), FailsWith(ErrorCode::kCorrupt, "nested more than 64 levels"));
  // Beside each other they are not nested.
  std::string beside = "[0";
  for (int i = 0; i < 100; ++i) beside += ", [], {}";
  EXPECT_TRUE(ParseJson(beside + "]", "f").ok());
}

TEST(ParseJson, NamesTheByteAndShowsNoText) {
  const auto secret = ParseJson(R"({"a": secret})", "config.json");
  EXPECT_THAT(secret, FailsWith(ErrorCode::kCorrupt, "config.json"));
  EXPECT_THAT(secret, FailsWith(ErrorCode::kCorrupt, "byte 7"));
  EXPECT_THAT(secret.error().message, testing::Not(testing::HasSubstr("secret")));
  for (const char* text : {"", "{", "[1,]", "{} x", "nul"}) {
    EXPECT_THAT(ParseJson(text, "f"), FailsWith(ErrorCode::kCorrupt, "byte")) << text;
  }
}

}  // namespace
}  // namespace harness
