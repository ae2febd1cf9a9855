#include "harness/audio/token_statistics.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "harness/testing/matchers.h"

namespace harness::audio {
namespace {

using namespace testing_support;
TEST(TokenStatistics, AreWhatTheHandDerives) {
  struct Case {
    const char* name;
    std::vector<int32_t> codes;
    int64_t distinct;
    double entropy_bits;
    int32_t dominant_code;
    double dominant_share;
    int64_t longest_run;
  };
  const std::vector<Case> cases = {
      {"AllDifferent", {0, 1, 2, 3, 4, 5, 6, 7}, 8, 3, 0, 0.125, 1},
      {"Even", {0, 1, 0, 1, 1, 0, 1, 0}, 2, 1, 0, 0.5, 2},
      {"OneCode", {5, 5, 5, 5}, 1, 0, 5, 1, 4},
      // 1/2, 1/4, 1/8, 1/8: 1.75 bits of 3.
      {"Skewed", {9, 9, 9, 9, 3, 3, 1, 2}, 4, 1.75, 9, 0.5, 4},
      {"RunAtTheEnd", {1, 2, 3, 3}, 3, 1.5, 3, 0.5, 2},
      {"Negative", {-1, 4, 3, 0}, 4, 2, -1, 0.25, 1},
      {"Extremes", {INT32_MIN, INT32_MAX}, 2, 1, INT32_MIN, 0.5, 1},
      {"OneFrame", {7}, 1, 0, 7, 1, 1},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto result = ComputeTokenStatistics(c.codes, 1, static_cast<int64_t>(c.codes.size()));
    ASSERT_THAT(result, Succeeds());
    ASSERT_EQ(result->size(), 1u);
    const CodebookStatistics& s = result->front();
    EXPECT_EQ(s.distinct, c.distinct);
    EXPECT_DOUBLE_EQ(s.entropy_bits, c.entropy_bits);
    EXPECT_EQ(s.dominant_code, c.dominant_code);
    EXPECT_DOUBLE_EQ(s.dominant_share, c.dominant_share);
    EXPECT_EQ(s.longest_run_frames, c.longest_run);
  }
}

TEST(TokenStatistics, RunsEndWithTheCodebook) {
  const auto result = ComputeTokenStatistics(std::vector<int32_t>{1, 2, 2, 2, 2, 3}, 2, 3);
  ASSERT_THAT(result, Succeeds());
  ASSERT_EQ(result->size(), 2u);
  EXPECT_EQ((*result)[0].longest_run_frames, 2);
  EXPECT_EQ((*result)[1].longest_run_frames, 2);
}

TEST(TokenStatistics, RefusesCodesThatAreNotKTimesT) {
  const std::vector<int32_t> six(6, 0);
  struct Case {
    const char* name;
    int64_t codebooks, frames;
    const char* words;
  };
  const std::vector<Case> cases = {
      {"NoCodebook", 0, 6, "found 0 codebooks"},
      {"NoFrame", 6, 0, "0 frames"},
      {"NegativeFrames", -2, -3, "found -2 codebooks"},
      {"TooFew", 2, 4, "2 codebooks x 4 frames, found 6 values"},
      {"TooMany", 2, 2, "2 codebooks x 2 frames, found 6 values"},
      {"ProductWrapsAround", int64_t{1} << 62, 8, "found 6 values"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_THAT(ComputeTokenStatistics(six, c.codebooks, c.frames), FailsWith(ErrorCode::kMismatch, c.words));
  }
}

}  // namespace
}  // namespace harness::audio
