// Registers one category as a value-parameterised GoogleTest suite: DEFINE_SUITE(FilePresence, FilePresenceChecks())
// gives tests named FilePresence.Holds/LanguageModelPresent.
#pragma once

#include <gtest/gtest.h>

#include <ostream>

#include "conformance/check.h"

namespace conformance {

// Evaluates the check, records it for report.json, and tells GoogleTest.
void RunAsTest(const Check& check);

// GoogleTest prints a parameter by its id; it finds this by argument-dependent lookup.
inline void PrintTo(const Check& check, std::ostream* stream) { *stream << check.id; }

}  // namespace conformance

#define DEFINE_SUITE(Suite, checks)                                   \
  class Suite : public testing::TestWithParam<conformance::Check> {}; \
  TEST_P(Suite, Holds) { conformance::RunAsTest(GetParam()); }        \
  INSTANTIATE_TEST_SUITE_P(                                           \
      , Suite, testing::ValuesIn(conformance::checks),                \
      [](const testing::TestParamInfo<conformance::Check>& test_parameter) { return test_parameter.param.test_name; })
