#include "harness/report/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace harness::report {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kBad = "\xEF\xBF\xBD";

TEST(Text, BrokenUtf8IsReplacedPartByPart) {
  struct Case {
    const char* name;
    std::string text, expected;
  };
  const std::vector<Case> cases = {
      {"Ascii", "abc", "abc"},
      {"TwoThreeFourBytes", "é€😀", "é€😀"},
      {"Zero", std::string("a\0b", 3), std::string("a\0b", 3)},
      {"LoneContinuation", "a\x80z", "a" + kBad + "z"},
      {"Latin1", "caf\xE9", "caf" + kBad},
      {"CutAtTheEnd", "\xE2\x82", kBad},
      {"CutInTheMiddle", "\xE2\x82z", kBad + "z"},
      {"CutFourBytes", "\xF0\x9F\x98\xF0\x9F\x98\x80", kBad + "😀"},
      {"Overlong", "\xC0\xAF", kBad + kBad},
      {"OverlongThree", "\xE0\x80\xAF", kBad + kBad + kBad},
      {"OverlongFour", "\xF0\x80\x80\xAF", kBad + kBad + kBad + kBad},
      {"Surrogate", "\xED\xA0\x80", kBad + kBad + kBad},
      {"LastCodePoint", "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},
      {"BeyondTheLast", "\xF4\x90\x80\x80", kBad + kBad + kBad + kBad},
      {"NeverALead", "\xFF\xFE", kBad + kBad},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(ValidUtf8(c.text), c.expected);
    EXPECT_EQ(ValidUtf8(ValidUtf8(c.text)), c.expected);
  }
}

TEST(Text, NothingCanSteerATerminal) {
  struct Case {
    const char* name;
    std::string text, expected;
  };
  const std::vector<Case> cases = {
      {"Escape", "\x1b[2Jgone", "\\x1b[2Jgone"},
      {"Zero", std::string("\0", 1), "\\x00"},
      {"Delete", "\x7f", "\\x7f"},
      {"C1",
       "\xC2\x9B"
       "31m",
       "\\x9b31m"},
      {"LineFeedStays", "a\nb", "a\nb"},
      {"CarriageReturn", "good\rbad",
       "good\\x0d"
       "bad"},
      {"CarriageReturnAtTheEnd", "a\r", "a\\x0d"},
      {"WindowsLine", "a\r\nb", "a\nb"},
      {"Tab", "a\tb", "a  b"},
      {"Override", "\u202Egnp.exe", "\\u{202e}gnp.exe"},
      {"Mark", "a\u200Eb\u061Cc", "a\\u{200e}b\\u{061c}c"},
      {"Isolate", "\u2066x\u2069", "\\u{2066}x\\u{2069}"},
      {"Broken", "\xFF", kBad},
      {"Japanese", "音楽", "音楽"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(CleanText(c.text), c.expected);
  }
  EXPECT_EQ(CleanLine("a\nb\r\nc"), "a b c");
}

TEST(Text, EscapesHtml) {
  EXPECT_EQ(EscapeHtml("<script>alert('\"&\"')</script>"),
            "&lt;script&gt;alert(&#39;&quot;&amp;&quot;&#39;)&lt;/script&gt;");
  EXPECT_EQ(EscapeHtml("&lt;"), "&amp;lt;");
  for (int byte = 0; byte < 256; ++byte) {
    const std::string escaped = EscapeHtml(std::string(1, static_cast<char>(byte)));
    EXPECT_EQ(escaped.find_first_of("<>\"'"), std::string::npos) << byte;
    EXPECT_EQ(escaped, ValidUtf8(escaped)) << byte;
  }
}

TEST(Text, UrlsStayBelowThePage) {
  struct Case {
    const char* name;
    std::string path, expected;
  };
  const std::vector<Case> cases = {
      {"Plain", "generation/cpu/0/audio.wav", "./generation/cpu/0/audio.wav"},
      {"Space", "a b/c#d?e%f.wav", "./a%20b/c%23d%3Fe%25f.wav"},
      {"Scheme", "javascript:alert(1)", "./javascript%3Aalert%281%29"},
      {"Quote", "\"onerror=\"x", "./%22onerror%3D%22x"},
      {"Utf8", "é.wav", "./%C3%A9.wav"},
      {"Dots", "a/..b/c..wav", "./a/..b/c..wav"},
      {"Host", "//example.org/x", ""},
      {"Absolute", "/etc/passwd", ""},
      {"Above", "../x", ""},
      {"AboveInside", "a/../../x", ""},
      {"AboveAtTheEnd", "a/..", ""},
      {"Empty", "", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(RelativeUrl(c.path), c.expected);
  }
}

TEST(Text, CountsColumns) {
  EXPECT_EQ(MeasureDisplayWidth(""), 0);
  EXPECT_EQ(MeasureDisplayWidth("lo fi"), 5);
  EXPECT_EQ(MeasureDisplayWidth("é"), 1);
  EXPECT_EQ(MeasureDisplayWidth("e\u0301"), 1) << "a combining accent";
  EXPECT_EQ(MeasureDisplayWidth("音楽"), 4);
  EXPECT_EQ(MeasureDisplayWidth("🎵"), 2);
}

TEST(Wrap, BreaksAtSpacesOnly) {
  EXPECT_THAT(Wrap("", 10), IsEmpty());
  EXPECT_THAT(Wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(Wrap("one two", 6), ElementsAre("one", "two"));
  EXPECT_THAT(Wrap("a transformer.layers.0.weight b", 8), ElementsAre("a", "transformer.layers.0.weight", "b"));
  EXPECT_THAT(Wrap("音楽 音楽", 8), ElementsAre("音楽", "音楽")) << "nine columns";
  EXPECT_THAT(Wrap("trailing   ", 5), ElementsAre("trailing"));
}

TEST(Wrap, KeepsLinesAndIndentation) {
  EXPECT_THAT(Wrap("a\n\nb\n\n", 10), ElementsAre("a", "", "b"));
  EXPECT_THAT(Wrap("head:\n  one two three", 9), ElementsAre("head:", "  one two", "  three"));
  EXPECT_THAT(Wrap("a   b", 10), ElementsAre("a   b")) << "columns inside a line stay";
}

// Whatever the width: no word is lost or split, and only a lone word is wider than asked for.
TEST(Wrap, LosesNothingAtAnyWidth) {
  const std::string text =
      "24 layers in the file, 48 in the config:\n  config of `medium`, weights of `small`\n"
      "        transformer.layers.47.self_attn.in_proj_weight é 音楽 😀 end";
  const auto words = [](const std::string& all) {
    std::string joined;
    for (char c : all) joined += c == '\n' ? ' ' : c;
    std::vector<std::string> list;
    for (size_t begin = joined.find_first_not_of(' '); begin != std::string::npos;) {
      const size_t end = std::min(joined.find(' ', begin), joined.size());
      list.push_back(joined.substr(begin, end - begin));
      begin = joined.find_first_not_of(' ', end);
    }
    return list;
  };
  for (int width = -1; width < 120; ++width) {
    std::string all;
    for (const std::string& line : Wrap(text, width)) {
      if (MeasureDisplayWidth(line) > width) {
        EXPECT_EQ(words(line).size(), 1u) << width << ": " << line;
      }
      all += line + "\n";
    }
    EXPECT_EQ(words(all), words(text)) << width;
  }
}

}  // namespace
}  // namespace harness::report
