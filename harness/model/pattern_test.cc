#include "harness/model/pattern.h"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace harness::model {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Kind = architecture::PatternSpec::Kind;

// Every row of testdata/pattern_cases.json, which the real providers made (scripts/oracle/pattern_cases.py).
json Rows() {
  std::ifstream file(HARNESS_MODEL_TESTDATA "/pattern_cases.json");
  return json::parse(file, nullptr, false);
}

std::vector<std::string> Steps(const Pattern& pattern) {
  std::vector<std::string> steps;
  for (int64_t s = 0; s < pattern.num_steps(); ++s) {
    std::string text;
    for (const Coordinate& c : pattern.step(s)) {
      text += (text.empty() ? "" : " ") + std::to_string(c.frame) + "/" + std::to_string(c.codebook);
    }
    steps.push_back(std::move(text));
  }
  return steps;
}

// From the config's text to the layout. JSON is YAML.
Result<Pattern> Layout(const json& row) {
  const std::string modeling = row["modeling"];
  const json tree = {{"codebooks_pattern", {{"modeling", modeling}, {modeling, row["arguments"]}}}};
  const auto config = config::Config::Parse(tree.dump(), "xp.cfg", [](const std::string&) { return std::nullopt; });
  if (!config.ok()) return config.error();
  config::OptionProblems problems;
  const architecture::PatternSpec spec = architecture::ReadPattern(*config, row["n_q"], std::nullopt, problems);
  if (Status status = problems.ToStatus("xp.cfg"); !status.ok()) return status.error();
  return Pattern::Create(spec, row["n_q"], row["frames"]);
}

TEST(Pattern, IsTheProvidersLayout) {
  const json rows = Rows();
  ASSERT_TRUE(rows.is_array() && rows.size() > 200) << "cannot read pattern_cases.json";
  for (const json& row : rows) {
    SCOPED_TRACE(row.dump());
    const auto pattern = Layout(row);
    if (row.contains("raises")) {
      ASSERT_FALSE(pattern.ok());
      EXPECT_EQ(pattern.error().code, ErrorCode::kMismatch) << pattern.error().message;
      continue;
    }
    ASSERT_TRUE(pattern.ok()) << pattern.error().message;
    EXPECT_EQ(Steps(*pattern), row["steps"].get<std::vector<std::string>>());
    EXPECT_EQ(pattern->FirstStepWith(0), row["first"].get<int64_t>());
  }
}

TEST(Pattern, FindsTheFirstStepOfAFrame) {
  architecture::PatternSpec spec;
  spec.delays = {0, 2};
  const auto pattern = Pattern::Create(spec, 2, 3);
  ASSERT_TRUE(pattern.ok());
  EXPECT_EQ(pattern->FirstStepWith(0), 1);
  EXPECT_EQ(pattern->FirstStepWith(2), 3);
  EXPECT_EQ(pattern->FirstStepWith(3), std::nullopt);
}

struct Refusal {
  const char* name;
  architecture::PatternSpec spec;
  int64_t num_codebooks, num_frames;
  ErrorCode code;
  const char* words;
};

architecture::PatternSpec Spec(Kind kind, const char* modeling, std::vector<int64_t> delays) {
  architecture::PatternSpec spec;
  spec.kind = kind;
  spec.modeling = modeling;
  spec.delays = std::move(delays);
  return spec;
}

architecture::PatternSpec Unroll(std::vector<int64_t> flattening, std::vector<int64_t> delays) {
  architecture::PatternSpec spec = Spec(Kind::kUnroll, "unroll", std::move(delays));
  spec.flattening = std::move(flattening);
  return spec;
}

architecture::PatternSpec MusicLm(int64_t group_by) {
  architecture::PatternSpec spec = Spec(Kind::kMusicLm, "musiclm", {});
  spec.group_by = group_by;
  return spec;
}

TEST(Pattern, SaysWhatItsProviderRefuses) {
  const int64_t huge = int64_t{1} << 24;
  const std::vector<Refusal> rows = {
      {"DelaysFall", Spec(Kind::kDelay, "delay", {0, 2, 1}), 3, 4, ErrorCode::kMismatch,
       "codebooks_pattern.delay.delays must not fall from one codebook to the next, found [0, 2, 1]"},
      {"TooFewDelays", Spec(Kind::kDelay, "delay", {0, 1, 2}), 4, 4, ErrorCode::kMismatch,
       "codebooks_pattern.delay.delays has 3 entries, transformer_lm.n_q is 4: one delay a codebook"},
      {"NegativeDelay", Spec(Kind::kDelay, "delay", {-1, 0}), 2, 4, ErrorCode::kMismatch,
       "codebooks_pattern.delay: the steps hold 3 of the 4 frames of codebook 0, by its negative delay"},
      {"Flattening", Unroll({0, 1}, {0, 0, 0}), 3, 4, ErrorCode::kMismatch,
       "codebooks_pattern.unroll.flattening has 2 entries, transformer_lm.n_q is 3: one place for each codebook"},
      {"Uneven", Unroll({0, 1, 1}, {0, 1, 2}), 3, 4, ErrorCode::kMismatch,
       "codebooks 1 and 2 are flattened to the same place, 1, but delayed by 1 and 2"},
      {"NoPlace", Unroll({-1, 0}, {0, 0}), 2, 4, ErrorCode::kMismatch,
       "the steps hold 0 of the 4 frames of codebook 0, by its negative delay or flattening"},
      {"CoarseFirst", Spec(Kind::kCoarseFirst, "coarse_first", {0, 0}), 2, 4, ErrorCode::kMismatch,
       "transformer_lm.n_q is 2: one delay for each codebook after the first"},
      {"CoarseAlone", Spec(Kind::kCoarseFirst, "coarse_first", {}), 1, 4, ErrorCode::kMismatch,
       "the pattern needs a second codebook"},
      {"GroupBy", MusicLm(2), 3, 4, ErrorCode::kMismatch,
       "codebooks_pattern.musiclm: group_by must divide transformer_lm.n_q, found 2 and 3 (KeyError"},
      {"GroupByNothing", MusicLm(0), 4, 4, ErrorCode::kMismatch, "found 0 and 4 (ValueError"},
      {"GroupByLess", MusicLm(-1), 4, 4, ErrorCode::kMismatch, "found -1 and 4 (AssertionError"},
      {"HugeDelay", Spec(Kind::kDelay, "delay", {0, huge}), 2, 4, ErrorCode::kUnsupported,
       "codebooks_pattern.delay needs up to 16777220 steps for 4 frames"},
      {"HugeFlattening", Unroll({0, huge}, {0, 0}), 2, 4, ErrorCode::kUnsupported, "codebooks_pattern.unroll needs up"},
      {"HugeCoarse", Spec(Kind::kCoarseFirst, "coarse_first", {huge}), 2, 4, ErrorCode::kUnsupported, "needs up to"},
  };
  for (const Refusal& row : rows) {
    SCOPED_TRACE(row.name);
    const auto pattern = Pattern::Create(row.spec, row.num_codebooks, row.num_frames);
    ASSERT_FALSE(pattern.ok());
    EXPECT_EQ(pattern.error().code, row.code);
    EXPECT_THAT(pattern.error().message, HasSubstr(row.words));
  }
}

}  // namespace
}  // namespace harness::model
