#include "harness/report/junit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/testing/reports.h"

namespace harness::report {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing_support::MakeCheck;

TEST(JUnit, HasASuiteAnExportAndACaseACheck) {
  Report good, bad;
  good.checks = {MakeCheck("a/b", CheckStatus::kPass)};
  bad.checks = {MakeCheck("a/b", CheckStatus::kPass), MakeCheck("a/c", CheckStatus::kFail, "two <words>"),
                MakeCheck("a/d", CheckStatus::kBlocked, "blocked by a/c"),
                MakeCheck("a/e", CheckStatus::kSkip, "no device")};
  bad.checks[1].remedy = "Export again";
  const std::string xml = RenderJUnit({{"good", good, 1.5}, {"bad", bad, 2}});
  EXPECT_THAT(
      xml,
      HasSubstr("<testsuites name=\"exports\" tests=\"5\" failures=\"1\" errors=\"0\" skipped=\"2\" time=\"3.500\">"));
  EXPECT_THAT(
      xml, HasSubstr("<testsuite name=\"good\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\" time=\"1.500\">"));
  EXPECT_THAT(
      xml, HasSubstr("<testsuite name=\"bad\" tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"2\" time=\"2.000\">"));
  EXPECT_THAT(xml, HasSubstr("<testcase classname=\"a\" name=\"a/c\">"));
  EXPECT_THAT(xml, HasSubstr("message=\"two &lt;words&gt;\">two &lt;words&gt;\nWhat to do: Export again</failure>"));
  EXPECT_THAT(xml, HasSubstr("<skipped message=\"blocked by a/c\"/>"));
}

// An export of which nobody knows that it is good must not look so.
TEST(JUnit, AnIncompleteRunIsAnError) {
  Report report;
  report.checks = {MakeCheck("a/b", CheckStatus::kPass)};
  report.not_run = {"cuda"};
  report.environment["require"] = {"cuda"};
  const std::string xml = RenderJUnit({{"x", report}});
  EXPECT_THAT(xml, HasSubstr("tests=\"2\" failures=\"0\" errors=\"1\""));
  EXPECT_THAT(xml, HasSubstr("<error type=\"incomplete\" message=\"required, but not run: cuda\"/>"));
}

TEST(JUnit, ARunWithoutAReportIsAnError) {
  const std::string xml = RenderJUnit({{"x", Error{ErrorCode::kMachine, "the disk is full"}}});
  EXPECT_THAT(xml, HasSubstr("tests=\"1\" failures=\"0\" errors=\"1\""));
  EXPECT_THAT(xml, HasSubstr("<error type=\"run_failed\" message=\"the disk is full\"/>"));
}

TEST(JUnit, TextsCantLeaveTheirPlace) {
  Report report;
  report.checks = {MakeCheck("a/b", CheckStatus::kFail, "]]>\x01\"/><x>")};
  const std::string xml = RenderJUnit({{"\"><y>", report}});
  EXPECT_THAT(xml, Not(HasSubstr("<x>")));
  EXPECT_THAT(xml, Not(HasSubstr("<y>")));
  EXPECT_THAT(xml, Not(HasSubstr("\x01")));
}

}  // namespace
}  // namespace harness::report
