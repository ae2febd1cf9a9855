#include "harness/base/safe_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/base/utf8.h"

namespace harness {
namespace {

std::string Utf8(uint32_t c) {
  std::string out;
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  }
  return out;
}

TEST(SafeText, ShowsWhatMaySteerItsReader) {
  struct Case {
    const char* name;
    std::string text, expected;
  };
  const std::vector<Case> cases = {
      {"Plain", "transformer.layers.0, 音楽 é 😀", "transformer.layers.0, 音楽 é 😀"},
      {"Escape", "\x1b[2J", "\\x1b[2J"},
      {"LineFeed", "a\nb\tc\rd", "a\\nb\\tc\\x0dd"},
      {"Zero", std::string("a\0b", 3), "a\\x00b"},
      {"C1",
       "\xC2\x9B"
       "31m",
       "\\x9b31m"},
      {"Latin1", "caf\xE9", "caf\\xe9"},
      {"Surrogate", "\xED\xA0\x80", "\\xed\\xa0\\x80"},
      {"CutAtTheEnd", "\xE2\x82", "\\xe2\\x82"},
      {"Override", "\u202Egnp.exe", "\\u{202e}gnp.exe"},
      {"Separators", "a\u2028b\u2029c", "a\\u{2028}b\\u{2029}c"},
      {"ByteOrderMark", "\uFEFFx", "\\u{feff}x"},
      {"NonCharacters", "\uFFFE\uFFFF\uFDD0\U0001FFFE", "\\u{fffe}\\u{ffff}\\u{fdd0}\\u{1fffe}"},
      {"Tag", "\U000E0041", "\\u{e0041}"},
      {"ZeroWidth", "a\u200Bb", "a\\u{200b}b"},
      {"GitHub", "::error::x", "\\x3a:error::x"},
      {"GitHubAfterALineFeed", "a\n::error::x", "a\\n::error::x"},
      {"GitHubWhereAWrapMayBegin", "a ::error::x", "a \\x3a:error::x"},
      {"GitHubAfterANoBreakSpace", "\u00A0::error::x", "\u00A0\\x3a:error::x"},
      {"Namespace", "std::string", "std::string"},
      {"Azure", "a##vso[task.complete]", "a\\x23#vso[task.complete]"},
      {"ThreeHashes", "###[error]", "\\x23\\x23#[error]"},
      {"TeamCity", "##teamcity[x]", "\\x23#teamcity[x]"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(SafeLine(c.text), c.expected);
    EXPECT_EQ(SafeLine(c.expected), c.expected);
  }
}

TEST(SafeText, LeavesNothingUnsafeOfAnyCodePoint) {
  for (uint32_t c = 0; c <= 0x10FFFF; ++c) {
    const std::string line = SafeLine(Utf8(c));
    ASSERT_FALSE(line.empty());
    for (std::string_view rest = line; !rest.empty();) {
      const CodePoint first = FirstCodePoint(rest);
      ASSERT_TRUE(first.valid) << std::hex << c;
      ASSERT_FALSE(IsUnsafe(first.value)) << std::hex << c;
      rest.remove_prefix(first.bytes);
    }
    const bool shown = line == Utf8(c);
    ASSERT_EQ(shown, !IsUnsafe(c)) << std::hex << c;
  }
}

}  // namespace
}  // namespace harness
