#include "harness/model/pattern.h"

#include <gmock/gmock.h>

namespace harness {
namespace {

// "t/q" of every coordinate of every step, steps separated by '|'.
std::string Layout(const Pattern& pattern) {
  std::string text;
  for (int64_t s = 0; s < pattern.num_steps(); ++s) {
    if (s > 0) text += '|';
    for (const Coordinate& c : pattern.step(s)) {
      text +=
          (text.empty() || text.back() == '|' ? "" : " ") + std::to_string(c.frame) + "/" + std::to_string(c.codebook);
    }
  }
  return text;
}

struct LayoutCase {
  const char* name;
  PatternSpec::Kind kind;
  std::vector<int64_t> delays;
  int64_t flatten_first, empty_initial, frames;
  const char* expected;
};

// Expected layouts: audiocraft 1.3.0's DelayedPatternProvider(n_q, delays, flatten_first,
// empty_initial).get_pattern(T), printed as above, coordinates at or beyond T left out as build_pattern_sequence leaves
// them out.
const LayoutCase kLayouts[] = {
    {"Delay", PatternSpec::Kind::kDelay, {0, 1, 2}, 0, 0, 2, "|0/0|1/0 0/1|1/1 0/2|1/2"},
    {"NoDelay", PatternSpec::Kind::kDelay, {0, 0}, 0, 0, 2, "|0/0 0/1|1/0 1/1"},
    {"Parallel", PatternSpec::Kind::kParallel, {0, 0}, 0, 0, 2, "|0/0 0/1|1/0 1/1"},
    {"FlattenFirst", PatternSpec::Kind::kDelay, {0, 1}, 1, 0, 2, "|0/0|0/1|1/0|1/1"},
    {"EmptyInitial", PatternSpec::Kind::kDelay, {0, 1}, 0, 1, 1, "||0/0|0/1"},
    {"NoSpecialStep", PatternSpec::Kind::kDelay, {0}, 0, -1, 2, "0/0|1/0"},
};

TEST(Pattern, HasTheLayoutOfItsProvider) {
  for (const LayoutCase& c : kLayouts) {
    SCOPED_TRACE(c.name);
    PatternSpec spec;
    spec.kind = c.kind;
    spec.delays = c.delays;
    spec.flatten_first = c.flatten_first;
    spec.empty_initial = c.empty_initial;
    const auto pattern = Pattern::Create(spec, static_cast<int64_t>(c.delays.size()), c.frames);
    ASSERT_TRUE(pattern.ok()) << pattern.error().message;
    EXPECT_EQ(Layout(*pattern), c.expected);
  }
}

TEST(Pattern, FindsTheFirstStepOfAFrame) {
  PatternSpec spec;
  spec.delays = {0, 2};
  const auto pattern = Pattern::Create(spec, 2, 3);
  ASSERT_TRUE(pattern.ok());
  EXPECT_EQ(pattern->FirstStepWith(0), 1);
  EXPECT_EQ(pattern->FirstStepWith(2), 3);
  EXPECT_EQ(pattern->FirstStepWith(3), std::nullopt);
}

TEST(Pattern, RefusesWhatTheProviderAssertsAgainst) {
  PatternSpec spec;
  spec.delays = {0, 2, 1};
  const auto unsorted = Pattern::Create(spec, 3, 4);
  ASSERT_FALSE(unsorted.ok());
  EXPECT_EQ(unsorted.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(unsorted.error().message, testing::HasSubstr("must not fall"));
  const auto too_few = Pattern::Create(spec, 4, 4);
  ASSERT_FALSE(too_few.ok());
  EXPECT_THAT(too_few.error().message, testing::HasSubstr("has 3 entries, transformer_lm.n_q is 4"));
  spec.kind = PatternSpec::Kind::kOther;
  spec.modeling = "unroll";
  const auto other = Pattern::Create(spec, 3, 4);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace harness
