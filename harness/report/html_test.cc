#include "harness/report/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "harness/report/text.h"
#include "harness/testing/reports.h"

namespace harness::report {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;

// The names of the tags in order, "/name" for those that close.
std::vector<std::string> Tags(const std::string& page) {
  std::vector<std::string> tags;
  for (size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const size_t end = page.find_first_of(" >", at);
    tags.push_back(page.substr(at + 1, end - at - 1));
  }
  return tags;
}

void ExpectBalanced(const std::string& page) {
  const std::set<std::string> known = {"html", "head", "title",   "style",  "body",  "main",    "section", "div",
                                       "h1",   "h2",   "h3",      "p",      "table", "thead",   "tbody",   "tr",
                                       "th",   "td",   "article", "pre",    "code",  "details", "summary", "span",
                                       "ul",   "li",   "audio",   "strong", "svg",   "polygon"};
  std::vector<std::string> open;
  for (const std::string& tag : Tags(page)) {
    if (tag == "!DOCTYPE" || tag == "meta") continue;
    if (tag[0] != '/') {
      EXPECT_TRUE(known.count(tag)) << tag;
      open.push_back(tag);
      continue;
    }
    ASSERT_FALSE(open.empty()) << tag;
    EXPECT_EQ("/" + open.back(), tag);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST(Html, IsWellFormed) {
  ExpectBalanced(RenderHtml(FullReport()));
  ExpectBalanced(RenderHtml(Report()));
}

TEST(Html, TellsEverything) {
  const std::string page = RenderHtml(FullReport());
  for (const char* words :
       {"<title>fail: /models/my-export</title>",
        "<div class=\"word\">fail</div>",
        "2 passed, 1 failed, 2 blocked, 3 skipped, 2 unsupported",
        "<th>shape_config_agreement</th>",
        "<h3>shape_config_agreement/language_model/layers</h3>",
        "24 layers in the file, 48 in the config",
        "weights of `small`.</p><p class=\"said\"><strong>What to do:</strong> Export it again.</p>",
        "<tr><th>layers</th><td><code>24</code></td><td><code>48</code></td></tr>",
        "shape_config_agreement/language_model/layers <span class=\"badge blocked\">2</span>",
        "no CUDA device\nWhat to do: Run it on a machine with a GPU. <span class=\"badge skip\">2</span>",
        "<p>Can't be judged by this suite:</p><ul class=\"plain\"><li>audio_output/cpu/melody/rms</li></ul>",
        "a style conditioner <span class=\"badge unsupported\">2</span>",
        "the profile names no melody <span class=\"badge skip\">1</span>",
        "Required, but not run:",
        "<li>cuda</li>",
        "<li>AUDIOCRAFT_PYTHON</li>",
        "unconditional",
        "upbeat lo fi hip hop beat",
        "src=\"./generation/cpu/0/audio.wav\"",
        "generation/cpu/0/tokens.npy",
        "<th>peak</th><td><code>0.75</code></td>",
        "<th>libtorch</th><td><code>2.7.1</code></td>",
        "<code>1080000000</code>"}) {
    EXPECT_THAT(page, HasSubstr(words));
  }
  // The cause first, then what to hear.
  EXPECT_LT(page.find("24 layers in the file"), page.find("<h2>"));
  EXPECT_LT(page.find("<h2>Generated"), page.find("<h2>Categories"));
  EXPECT_EQ(page.find("Failed, too"), std::string::npos);
  EXPECT_THAT(RenderHtml(Report()), HasSubstr("nothing was judged"));
}

TEST(Html, TheSecondFailureComesBehindTheFirst) {
  Report report = FullReport();
  report.checks.push_back(MakeCheck("audio_output/cpu/1/level", CheckStatus::kFail, "silence"));
  const std::string page = RenderHtml(report);
  EXPECT_LT(page.find("24 layers"), page.find("<h2>Failed, too</h2>"));
  EXPECT_LT(page.find("<h2>Failed, too</h2>"), page.find("silence"));
}

TEST(Html, SaysInOneLineWhatTheExportIs) {
  Report report = FullReport();
  report.export_info["language_model"] = {{"model", {{"layers", 24}, {"dim", 1024}}}, {"size_bytes", 840000000}};
  report.export_info["codec"] = {
      {"model",
       {{"codebooks", 4}, {"cardinality", 2048}, {"frame_rate_hz", 50}, {"sample_rate_hz", 32000}, {"channels", 1}}},
      {"size_bytes", 236000000}};
  EXPECT_THAT(RenderHtml(report), HasSubstr("24 layers of width 1024, 4 codebooks of 2048 codes at 50 Hz, 32 kHz mono, "
                                            "1.08 GB"));
}

TEST(Html, PlaysWhatIsGiven) {
  Report report = FullReport();
  const PageSounds sounds = {
      {report.generation[0].audio,
       {.wav = "RIFF\xff\x01", .seconds = 2, .lows = {-0.5F, -2, NAN}, .highs = {0.25F, 1, NAN}}}};
  const std::string page = RenderHtml(report, sounds);
  ExpectBalanced(page);
  EXPECT_THAT(page, HasSubstr("src=\"data:audio/wav;base64,UklGRv8B\""));
  EXPECT_THAT(page, HasSubstr("points=\"0,37.5 1,0.0 2,50.0 2,50.0 1,100.0 0,75.0 \""));
  EXPECT_THAT(page, HasSubstr("Waveform: 2.0 s, largest sample 2.00"));
  EXPECT_THAT(page, Not(HasSubstr("./generation/cpu/0/audio.wav")));
  EXPECT_THAT(page, HasSubstr("media-src 'self' file: data:"));
  // Padded (RFC 4648, section 10).
  for (const auto& [bytes, text] : {std::pair{"f", "Zg=="}, std::pair{"fo", "Zm8="}, std::pair{"foo", "Zm9v"}})
    EXPECT_THAT(RenderHtml(report, {{report.generation[0].audio, {.wav = bytes, .lows = {}, .highs = {}}}}),
                HasSubstr(std::string("base64,") + text + "\""));
}

TEST(Html, NeedsNothingElse) {
  const std::string page = RenderHtml(FullReport());
  EXPECT_THAT(page, HasSubstr("Content-Security-Policy\" content=\"default-src 'none';"));
  for (const char* words : {"http:", "https:", "//", "<script", "<link", "<img", "<iframe", "@import", "url("}) {
    EXPECT_THAT(page, Not(HasSubstr(words)));
  }
}

// The same attack in every text: the page keeps its shape, tag by tag.
TEST(Html, EscapesEveryText) {
  const auto object_of = [](const std::string& text) {
    nlohmann::json object = nlohmann::json::object();
    object[text] = text;
    return object;
  };
  const auto filled = [&](const std::string& text) {
    Report report = FullReport();
    report.export_info = nlohmann::json::object();
    report.export_info["path"] = text;
    report.export_info[text] = text;
    report.environment = report.export_info;
    report.not_run = report.not_applied = {text};
    for (CheckResult& check : report.checks) {
      for (std::string* field : {&check.id, &check.category, &check.message, &check.remedy, &check.reason,
                                 &check.blocked_by, &check.requirement, &check.device}) {
        *field = text;
      }
      check.measured = nlohmann::json::object();
      check.measured[text] = nlohmann::json::array({text});
      check.limit = text;
    }
    report.checks[2].limit = object_of(text);
    for (GenerationResult& result : report.generation) {
      result.device = result.run = result.tokens = result.audio = text;
      result.prompt = text;
      result.metrics = object_of(text);
    }
    return RenderHtml(report);
  };
  const std::string attack = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\x1b\xFF";
  const std::string page = filled(attack);
  EXPECT_EQ(Tags(page), Tags(filled("x")));
  ExpectBalanced(page);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&amp;amp;"));
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  EXPECT_EQ(page, ValidUtf8(page));
}

TEST(Html, AudioElsewhereIsShownNotLinked) {
  for (const char* path : {"/etc/passwd", "../other/audio.wav", "//host/x.wav"}) {
    Report report = FullReport();
    report.generation[0].audio = path;
    const std::string page = RenderHtml(report);
    EXPECT_THAT(page, Not(HasSubstr("<audio")));
    EXPECT_THAT(page, HasSubstr(std::string("<code>") + path + "</code>"));
  }
}

TEST(Html, ValuesThatAreNoObjects) {
  Report report;
  report.checks = {MakeCheck("a/scalar", CheckStatus::kPass), MakeCheck("a/nan", CheckStatus::kFail, "NaN"),
                   MakeCheck("a/one_side", CheckStatus::kPass)};
  report.checks[0].measured = 0.1 + 0.2;
  report.checks[0].limit = "<= 1";
  report.checks[1].measured = std::nan("");
  report.checks[2].measured["rms"] = 0.5;
  const std::string page = RenderHtml(report);
  EXPECT_THAT(page, HasSubstr("<th>value</th><td><code>0.3</code></td><td><code>&lt;= 1</code></td>"));
  EXPECT_THAT(page, HasSubstr("<th>value</th><td><code>nan</code></td>"));
  EXPECT_THAT(page, HasSubstr("<th>rms</th><td><code>0.5</code></td><td><code></code></td>"));
}

}  // namespace
}  // namespace harness::report
