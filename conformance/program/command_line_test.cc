#include "conformance/program/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/testing/temporary_folder.h"

namespace conformance {
namespace {

using Action = CommandLine::Action;
using testing::ElementsAre;
using testing::HasSubstr;

CommandLine Parse(const std::vector<std::string>& arguments) {
  auto line = ParseCommandLine(arguments);
  EXPECT_TRUE(line.ok()) << (line.ok() ? "" : line.error().message);
  return line.ok() ? *std::move(line) : CommandLine();
}

TEST(CommandLine, JudgesWhatTheVariableNamesByDefault) {
  const CommandLine line = Parse({});
  EXPECT_EQ(line.action, Action::kJudge);
  EXPECT_FALSE(line.many);
  EXPECT_THAT(line.exports, ElementsAre());
}

TEST(CommandLine, TakesOptionsOnBothSidesOfExports) {
  const CommandLine line = Parse({"a", "--quiet", "b", "--jobs", "3"});
  EXPECT_THAT(line.exports, ElementsAre("a", "b"));
  EXPECT_TRUE(line.quiet && line.many);
  EXPECT_EQ(line.jobs, 3);
  EXPECT_EQ(Parse({"-j=4", "a"}).jobs, 4);
}

TEST(CommandLine, EndsOptionsAtTwoDashes) { EXPECT_THAT(Parse({"--", "--jobs"}).exports, ElementsAre("--jobs")); }

TEST(CommandLine, OneExportIsNotMany) {
  EXPECT_FALSE(Parse({"a"}).many);
  EXPECT_TRUE(Parse({"a", "--jobs", "1"}).many);
}

TEST(CommandLine, KeepsGoogleTestsOptions) {
  EXPECT_THAT(Parse({"--gtest_filter=a.b", "x"}).googletest, ElementsAre("--gtest_filter=a.b"));
}

TEST(CommandLine, ReadsAListAndAShare) {
  const harness::testing_support::TemporaryFolder folder;
  harness::testing_support::PutFile(folder / "list", "a\n\nb c\r\nd");
  const CommandLine line = Parse({"--from-file", (folder / "list").string(), "--share=1/2"});
  EXPECT_THAT(line.exports, ElementsAre("a", "b c", "d"));
  EXPECT_TRUE(line.many);
  EXPECT_EQ(line.share.number, 1);
  EXPECT_EQ(line.share.of, 2);
}

struct Refused {
  std::string name;
  std::vector<std::string> arguments;
  std::string words;
};

void PrintTo(const Refused& refused, std::ostream* out) { *out << refused.name; }

class RefusesCommandLine : public testing::TestWithParam<Refused> {};

TEST_P(RefusesCommandLine, SayingWhatWouldBeRight) {
  const auto line = ParseCommandLine(GetParam().arguments);
  ASSERT_FALSE(line.ok());
  EXPECT_THAT(line.error().message, HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    CommandLine, RefusesCommandLine,
    testing::Values(Refused{"EmptyExport", {""}, "an export's folder is expected"},
                    Refused{"UnknownOption", {"--job", "3"}, "unknown option --job; --help"},
                    Refused{"NoValue", {"a", "--jobs"}, "--jobs expects a number"},
                    Refused{"NotANumber", {"--jobs", "x", "a"}, "--jobs expects a number from 1 to 4096, found 'x'"},
                    Refused{"NoJobs", {"--jobs", "0", "a"}, "found '0'"},
                    Refused{"ShareWithoutSlash", {"--share", "1"}, "--share expects NUMBER/COUNT"},
                    Refused{"ShareBeyondItsCount", {"--share", "2/2"}, "--share's NUMBER expects a number from 0 to 1"},
                    Refused{"ShareWithoutList", {"--share", "0/2", "a"}, "--from-file; name one"},
                    Refused{"NoList", {"--from-file", "/nowhere/list"}, "/nowhere/list can't be read"},
                    Refused{"TwoActions", {"--version", "--list-checks"}, "does not go together"},
                    Refused{"ListOfAnExport", {"--list-checks", "a"}, "'a' is one argument too many"},
                    Refused{"JobsOfNothing", {"--jobs", "2"}, "name their folders"},
                    Refused{"FilterOfMany", {"a", "b", "--gtest_filter=x"}, "is for one export"}),
    [](const auto& refused) { return refused.param.name; });

}  // namespace
}  // namespace conformance
