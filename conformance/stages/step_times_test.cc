#include "conformance/stages/step_times.h"

#include <gtest/gtest.h>

namespace conformance {
namespace {

// The first lies around the second, whatever the machine does in between.
TEST(StepTimes, OnlyTheFirstCountsFromTheStartOfTheProcess) {
  StepTimes first, second;
  EXPECT_EQ(first.first_s(), 0);
  const auto watch_first = first.Watch({}), watch_second = second.Watch({});
  watch_second.progress(1, 2);
  watch_first.progress(1, 2);
  EXPECT_GT(second.first_s(), 0);
  EXPECT_GT(first.first_s(), second.first_s());
  EXPECT_EQ(second.step_s(), 0) << "one step has no median";
  StepTimes third;
  third.Watch({}).progress(1, 2);
  watch_second.progress(2, 2);
  EXPECT_GT(second.step_s(), third.first_s());
}

TEST(StepTimes, HandsProgressOn) {
  StepTimes times;
  int64_t seen = 0;
  harness::generate::GenerationCallbacks callbacks;
  callbacks.progress = [&](int64_t done, int64_t total) { seen = 10 * done + total; };
  times.Watch(callbacks).progress(3, 4);
  EXPECT_EQ(seen, 34);
}

}  // namespace
}  // namespace conformance
