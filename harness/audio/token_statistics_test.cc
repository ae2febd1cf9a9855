#include "harness/audio/token_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "harness/testing/matchers.h"

namespace harness {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(TokenStatistics, AreWhatTheHandDerives) {
  struct Case {
    const char* name;
    std::vector<int32_t> codes;
    int64_t cardinality;
    int32_t min, max;
    int64_t out_of_range, distinct;
    double entropy_bits, relative_entropy;
    int32_t dominant_code;
    double dominant_share;
    int64_t longest_run;
  };
  const double nan = std::nan("");
  const std::vector<Case> cases = {
      {"AllDifferent", {0, 1, 2, 3, 4, 5, 6, 7}, 2048, 0, 7, 0, 8, 3, 1, 0, 0.125, 1},
      {"EvenOverTheCardinality", {0, 1, 0, 1, 1, 0, 1, 0}, 2, 0, 1, 0, 2, 1, 1, 0, 0.5, 2},
      {"OneCode", {5, 5, 5, 5}, 2048, 5, 5, 0, 1, 0, 0, 5, 1, 4},
      // 1/2, 1/4, 1/8, 1/8: 1.75 bits of 3.
      {"Skewed", {9, 9, 9, 9, 3, 3, 1, 2}, 16, 1, 9, 0, 4, 1.75, 1.75 / 3, 9, 0.5, 4},
      {"RunAtTheEnd", {1, 2, 3, 3}, 4, 1, 3, 0, 3, 1.5, 0.75, 3, 0.5, 2},
      {"OutOfRange", {-1, 4, 3, 0}, 4, -1, 4, 2, 4, 2, 1, -1, 0.25, 1},
      {"Extremes", {INT32_MIN, INT32_MAX}, 2048, INT32_MIN, INT32_MAX, 2, 2, 1, 1, INT32_MIN, 0.5, 1},
      {"OneFrame", {7}, 2048, 7, 7, 0, 1, 0, nan, 7, 1, 1},
      {"CardinalityOne", {0, 0}, 1, 0, 0, 0, 1, 0, nan, 0, 1, 2},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto result = ComputeTokenStatistics(c.codes, 1, static_cast<int64_t>(c.codes.size()), c.cardinality);
    ASSERT_TRUE(result.ok()) << result.error().message;
    ASSERT_EQ(result->codebooks.size(), 1u);
    const CodebookStatistics& s = result->codebooks[0];
    EXPECT_EQ(s.min, c.min);
    EXPECT_EQ(s.max, c.max);
    EXPECT_EQ(s.out_of_range, c.out_of_range);
    EXPECT_EQ(s.distinct, c.distinct);
    EXPECT_DOUBLE_EQ(s.entropy_bits, c.entropy_bits);
    if (std::isnan(c.relative_entropy)) {
      EXPECT_TRUE(std::isnan(s.relative_entropy));
    } else {
      EXPECT_DOUBLE_EQ(s.relative_entropy, c.relative_entropy);
    }
    EXPECT_EQ(s.dominant_code, c.dominant_code);
    EXPECT_DOUBLE_EQ(s.dominant_share, c.dominant_share);
    EXPECT_EQ(s.longest_run_frames, c.longest_run);
  }
}

TEST(TokenStatistics, RunsEndWithTheCodebook) {
  const auto result = ComputeTokenStatistics(std::vector<int32_t>{1, 2, 2, 2, 2, 3}, 2, 3, 4);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->codebooks[0].longest_run_frames, 2);
  EXPECT_EQ(result->codebooks[1].longest_run_frames, 2);
  EXPECT_EQ(result->frames, 3);
}

TEST(TokenStatistics, NamesIdenticalCodebooks) {
  const auto identical = [](const std::vector<int32_t>& codes, int64_t codebooks) {
    return ComputeTokenStatistics(codes, codebooks, static_cast<int64_t>(codes.size()) / codebooks, 16)
        ->identical_codebooks;
  };
  EXPECT_THAT(identical({1, 2, 3, 4, 5, 6}, 3), IsEmpty());
  EXPECT_THAT(identical({1, 2, 2, 1}, 2), IsEmpty()) << "the same codes in another order are another codebook";
  EXPECT_THAT(identical({1, 2, 3, 4, 1, 2, 3, 4, 1, 2}, 5), ElementsAre(Pair(0, 2), Pair(1, 3), Pair(0, 4)));
}

TEST(TokenStatistics, RefusesCodesThatAreNotKTimesT) {
  const std::vector<int32_t> six(6, 0);
  struct Case {
    const char* name;
    int64_t codebooks, frames, cardinality;
    const char* words;
  };
  const std::vector<Case> cases = {
      {"NoCodebook", 0, 6, 8, "got 0 codebooks"},
      {"NoFrame", 6, 0, 8, "0 frames"},
      {"NegativeFrames", -2, -3, 8, "got -2 codebooks"},
      {"NoCardinality", 2, 3, 0, "cardinality 0"},
      {"TooFew", 2, 4, 8, "2 codebooks x 4 frames, found 6 values"},
      {"TooMany", 2, 2, 8, "2 codebooks x 2 frames, found 6 values"},
      {"ProductWrapsAround", int64_t{1} << 62, 8, 8, "found 6 values"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_THAT(ComputeTokenStatistics(six, c.codebooks, c.frames, c.cardinality),
                FailsWith(ErrorCode::kMismatch, c.words));
  }
}

}  // namespace
}  // namespace harness
