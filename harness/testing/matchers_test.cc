#include "harness/testing/matchers.h"

#include <gtest/gtest.h>

namespace harness::testing_support {
namespace {

using testing::HasSubstr;
using testing::Not;

const Result<int> kSeven = 7;
const Result<int> kFailed = Error{ErrorCode::kCorrupt, "a.bin: 3 bytes expected, 2 found", "Copy it again"};

template <class Matcher>
std::string Explanation(const Matcher& matcher, const Result<int>& result) {
  testing::StringMatchResultListener listener;
  testing::SafeMatcherCast<const Result<int>&>(matcher).MatchAndExplain(result, &listener);
  return listener.str();
}

TEST(FailsWith, NeedsTheCodeAndEachPart) {
  EXPECT_THAT(kFailed, FailsWith(ErrorCode::kCorrupt, "3 bytes"));
  EXPECT_THAT(kFailed, FailsWith(ErrorCode::kCorrupt, Parts{"a.bin", "2 found"}));
  EXPECT_THAT(kFailed, Not(FailsWith(ErrorCode::kCorrupt, Parts{"a.bin", "4 bytes"})));
  EXPECT_THAT(kFailed, Not(FailsWith(ErrorCode::kIo, "3 bytes")));
  EXPECT_THAT(kSeven, Not(FailsWith(ErrorCode::kCorrupt, "")));
}

TEST(FailsWith, SaysWhatItLacks) {
  EXPECT_EQ(Explanation(FailsWith(ErrorCode::kCorrupt, Parts{"a.bin", "4 bytes"}), kFailed),
            "which failed as \"" + std::string(Name(ErrorCode::kCorrupt)) +
                "\": a.bin: 3 bytes expected, 2 found; it lacks \"4 bytes\"");
  EXPECT_EQ(Explanation(FailsWith(ErrorCode::kCorrupt, "x"), kSeven), "which succeeded");
}

TEST(HasRemedy, LooksAtTheRemedyAlone) {
  EXPECT_THAT(kFailed, HasRemedy("again"));
  EXPECT_THAT(kFailed, Not(HasRemedy("3 bytes")));
  EXPECT_THAT(kSeven, Not(HasRemedy("")));
  EXPECT_EQ(Explanation(HasRemedy("x"), kFailed), "whose remedy is \"Copy it again\"");
  EXPECT_EQ(Explanation(HasRemedy(""), kSeven), "which succeeded");
}

TEST(FailsWith, LooksAtTheMessageAlone) { EXPECT_THAT(kFailed, Not(FailsWith(ErrorCode::kCorrupt, "Copy"))); }

TEST(Succeeds, SaysWhyNot) {
  EXPECT_THAT(kSeven, Succeeds());
  EXPECT_THAT(kFailed, Not(Succeeds()));
  EXPECT_THAT(Explanation(Succeeds(), kFailed), HasSubstr("3 bytes expected"));
}

TEST(Holds, NeedsTheValue) {
  EXPECT_THAT(kSeven, Holds(7));
  EXPECT_THAT(kSeven, Not(Holds(8)));
  EXPECT_THAT(kFailed, Not(Holds(7)));
  EXPECT_THAT(Explanation(Holds(7), kFailed), HasSubstr("3 bytes expected"));
}

}  // namespace
}  // namespace harness::testing_support
