#include "harness/report/shorten.h"

#include <gmock/gmock.h>

namespace harness::report {
namespace {

using testing::EndsWith;
using testing::StartsWith;

TEST(Shorten, NamesUpToTheLimitAreWhole) {
  EXPECT_EQ(Shorten("transformer.layers.0.norm1.weight"), "transformer.layers.0.norm1.weight");
  EXPECT_EQ(Shorten(std::string(kMaxWord, 'n')), std::string(kMaxWord, 'n'));
}

TEST(Shorten, LongerOnesAreCutWithTheirLength) {
  EXPECT_EQ(Shorten(std::string(kMaxWord + 1, 'n')), std::string(kShownOfWord, 'n').append("... (301 bytes)"));
  EXPECT_EQ(Shorten("abcdef", 5, 3), "abc... (6 bytes)");
}

TEST(Shorten, NoCharacterIsCutInTwo) {
  EXPECT_EQ(CutUtf8("a\xC3\xA4", 2), "a");
  EXPECT_EQ(CutUtf8("a\xC3\xA4", 3), "a\xC3\xA4");
  EXPECT_EQ(CutUtf8("\xF0\x9F\x8E\xB5x", 3), "");
  EXPECT_EQ(CutUtf8(std::string(10, '\x80'), 5).size(), 2u);  // no UTF-8: not searched further
}

TEST(Shorten, MessagesKeepTheirWords) {
  const std::string message = "state_dict.bin: 2 tensors are missing:\n  a, b";
  EXPECT_EQ(ShortenMessage(message), message);
  EXPECT_EQ(ShortenMessage("tensor " + std::string(1'000'000, 'n') + " is wrong"),
            "tensor " + std::string(kShownOfWord, 'n') + "... (1000000 bytes) is wrong");
}

TEST(Shorten, MessagesOfManyWordsAreCut) {
  std::string message;
  while (message.size() < kMaxMessage) message += "a ";
  EXPECT_EQ(ShortenMessage(message), message);
  message += "b";
  EXPECT_THAT(ShortenMessage(message), StartsWith("a a a "));
  EXPECT_THAT(ShortenMessage(message), EndsWith("... (a message of 8001 bytes, cut here)"));
  EXPECT_LT(ShortenMessage(std::string(10'000'000, ' ')).size(), kMaxMessage + 100);
}

}  // namespace
}  // namespace harness::report
