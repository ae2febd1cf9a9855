#include "harness/base/suggest.h"

#include <gmock/gmock.h>

namespace harness {
namespace {

using testing::Optional;

constexpr auto kNothing = std::nullopt;

struct Case {
  const char* name;
  std::string word;
  std::vector<std::string> candidates;
  std::optional<std::string> expected;  // by typing errors alone
};

// One error for each word, and one more for each four letters of it.
const Case kCases[] = {
    {"TheWordItself", "card", {"dim", "card"}, "card"},
    {"ALetterTooFew", "ab", {"abc"}, "abc"},
    {"TwoLettersTooFew", "ab", {"abcd"}, kNothing},
    {"ALetterTooMany", "abc", {"ab"}, "ab"},
    {"TwoLettersTooMany", "abc", {"a"}, kNothing},
    {"AnotherLetter", "abc", {"axc"}, "axc"},
    {"TwoOtherLetters", "abc", {"axy"}, kNothing},
    {"SwappedNeighboursAreOneError", "ab", {"ba"}, "ba"},
    {"SwappedOverALetterAreTwo", "abc", {"cba"}, kNothing},
    {"TwoErrorsOfFourLetters", "head", {"haeds"}, "haeds"},
    {"ThreeErrorsOfFourLetters", "head", {"haedsx"}, kNothing},
    {"TheNearest", "num_haeds", {"num_leads", "num_heads", "num_head"}, "num_heads"},
    {"TheFirstOfTwoAsNear", "bat", {"cat", "rat"}, "cat"},
    {"AnotherWordInFront", "flash_attention", {"cross_attention"}, kNothing},
    {"NothingAlike", "dim", {"transformer"}, kNothing},
    {"NoWord", "", {"a"}, kNothing},
    {"AnEmptyCandidate", "a", {""}, kNothing},
    {"NoCandidate", "a", {}, kNothing},
    {"AWordOf64", std::string(64, 'a'), {std::string(64, 'a')}, std::string(64, 'a')},
    {"AWordOf65", std::string(65, 'a'), {std::string(64, 'a')}, kNothing},
    {"ACandidateOf65", std::string(64, 'a'), {std::string(65, 'a')}, kNothing},
};

TEST(Suggest, ByTypingErrors) {
  for (const Case& c : kCases) {
    EXPECT_EQ(FindNearestTypo(c.word, c.candidates), c.expected) << c.name;
  }
}

TEST(Suggest, ByAPartOfTheName) {
  for (const Case& c : kCases) {
    if (!c.expected) continue;
    EXPECT_EQ(FindNearest(c.word, c.candidates), c.expected) << c.name;
  }
  EXPECT_THAT(FindNearest("heads", {"dim", "num_heads"}), Optional(std::string("num_heads")));
  EXPECT_THAT(FindNearest("dac_44khz_mine", {"dac_44khz"}), Optional(std::string("dac_44khz")));
  EXPECT_EQ(FindNearestTypo("dac_44khz_mine", {"dac_44khz"}), kNothing);
  EXPECT_EQ(FindNearest("dim", {"transformer"}), kNothing);
  EXPECT_EQ(FindNearest("ab", {"abcdefgh"}), kNothing) << "a part of three letters at least";
}

}  // namespace
}  // namespace harness
