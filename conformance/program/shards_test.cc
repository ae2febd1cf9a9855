#include "conformance/program/shards.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::CheckStatus;
using harness::ErrorCode;
using harness::Report;
using harness::Verdict;
using testing::HasSubstr;

const std::vector<std::string> kIds = {"a/one", "a/two", "a/three"};

fs::path Scratch(const std::string& name) {
  return fs::path(testing::TempDir()) / fmt::format("shards_test.{}", getpid()) / name;
}

// Every shard judges a/one, which the others need; only the one that has it in `tested` ran it as a test.
Report ShardReport(int64_t index, const std::vector<std::string>& tested, CheckStatus last = CheckStatus::kPass,
                   int64_t total = 2) {
  Report report;
  report.export_info = {{"path", "/e"}, {"codec", {{"size_bytes", 5}}}, {"language_model", {{"size_bytes", 6}}}};
  report.environment = {{"suite", "1"}};
  for (const std::string& id : kIds) {
    const bool ran = std::find(tested.begin(), tested.end(), id) != tested.end();
    if (!ran && id != "a/one") continue;
    report.checks.push_back({.id = id,
                             .category = "a",
                             .status = id == "a/three" ? last : CheckStatus::kPass,
                             .message = "",
                             .measured = nullptr,
                             .limit = nullptr});
  }
  if (last == CheckStatus::kSkip) report.not_run = {"cuda"};
  MarkShard({.index = index, .total = total}, tested, kIds, report);
  return report;
}

std::vector<fs::path> Write(const std::string& name, const std::vector<Report>& reports) {
  std::vector<fs::path> folders;
  for (const Report& report : reports) {
    folders.push_back(Scratch(fmt::format("{}/{}", name, folders.size())));
    EXPECT_TRUE(harness::WriteReport(folders.back() / "report.json", report).ok());
  }
  return folders;
}

TEST(Shards, AreReadFromTheVariables) {
  const auto of = [](const char* index, const char* total) {
    return ShardOf([=](const char* name) { return std::string(name) == "GTEST_SHARD_INDEX" ? index : total; });
  };
  EXPECT_FALSE(of(nullptr, nullptr).has_value());
  EXPECT_FALSE(of("0", "1").has_value());
  ASSERT_TRUE(of("2", "3").has_value());
  EXPECT_EQ(of("2", "3")->index, 2);
  EXPECT_EQ(of("2", "3")->total, 3);
}

TEST(Shards, OneAloneNeverPasses) {
  const Report report = ShardReport(0, {"a/one", "a/three"});
  EXPECT_EQ(report.verdict(), Verdict::kIncomplete);
  EXPECT_THAT(report.part(), testing::Optional(HasSubstr("shard 0 of 2 (from 0 on): 2 of 3 tests")));
  EXPECT_EQ(ShardReport(0, {"a/three"}, CheckStatus::kFail).verdict(), Verdict::kFail);
}

TEST(Shards, TogetherGiveTheVerdict) {
  const struct {
    const char* name;
    CheckStatus last;
    Verdict verdict;
  } cases[] = {{"Pass", CheckStatus::kPass, Verdict::kPass},
               {"Fail", CheckStatus::kFail, Verdict::kFail},
               {"Skip", CheckStatus::kSkip, Verdict::kPass}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto folders = Write(c.name, {ShardReport(1, {"a/two"}), ShardReport(0, {"a/one", "a/three"}, c.last)});
    const auto merged = MergeShards(folders, Scratch(c.name));
    ASSERT_TRUE(merged.ok()) << merged.error().message;
    EXPECT_EQ(merged->verdict(), c.verdict);
    ASSERT_EQ(merged->checks.size(), 3u);
    EXPECT_EQ(merged->checks[1].id, "a/two");
    EXPECT_EQ(merged->part(), "");
    EXPECT_EQ(merged->not_run.size(), c.last == CheckStatus::kSkip ? 1u : 0u);
  }
}

TEST(Shards, ThatAreMissingMakeItIncomplete) {
  auto folders = Write("missing", {ShardReport(0, {"a/one", "a/three"})});
  folders.push_back(Scratch("missing/1"));
  const auto merged = MergeShards(folders, Scratch("missing"));
  ASSERT_TRUE(merged.ok()) << merged.error().message;
  EXPECT_EQ(merged->verdict(), Verdict::kIncomplete);
  EXPECT_THAT(merged->part(), HasSubstr("1 of 2 shards left a report"));
  EXPECT_THAT(merged->part(), HasSubstr("1 of 3 checks did not run, first a/two"));
}

// One that had no test to run is as absent as any: what it would have said is not known.
TEST(Shards, ThatAreMissingCountWithoutATest) {
  const auto folders = Write("untested", {ShardReport(0, {"a/one", "a/three"}, CheckStatus::kPass, 3),
                                          ShardReport(1, {"a/two"}, CheckStatus::kPass, 3)});
  const auto merged = MergeShards(folders, Scratch("untested"));
  ASSERT_TRUE(merged.ok()) << merged.error().message;
  EXPECT_EQ(merged->verdict(), Verdict::kIncomplete);
  EXPECT_THAT(merged->part(), HasSubstr("2 of 3 shards left a report; 0 of 3 checks did not run"));
}

TEST(Shards, PutTogetherWhatEachKnows) {
  const auto generated = [](const char* measured) {
    return harness::GenerationResult{.device = "cpu",
                                     .run = "prompt0",
                                     .prompt = std::nullopt,
                                     .seed = 0,
                                     .tokens = "generation/cpu/prompt0/tokens.npy",
                                     .audio = "",
                                     .frames = 3,
                                     .metrics = {{measured, 1}}};
  };
  Report first = ShardReport(0, {"a/one", "a/three"}), second = ShardReport(1, {"a/two"});
  first.not_run = {"text", "melody"};
  second.not_run = {"cuda", "text"};
  second.export_info["codec"]["model"] = "encodec";
  first.generation = {generated("runs")};
  second.generation = {generated("codes"), generated("codes")};
  second.generation[1].run = "prompt1";
  const auto folders = Write("known", {first, second});
  const auto merged = MergeShards(folders, Scratch("known"));
  ASSERT_TRUE(merged.ok()) << merged.error().message;
  EXPECT_THAT(merged->not_run, testing::ElementsAre("cuda", "melody", "text"));
  EXPECT_EQ(merged->export_info["codec"]["model"], "encodec");
  ASSERT_EQ(merged->generation.size(), 2u);
  EXPECT_EQ(merged->generation[0].metrics, nlohmann::json({{"runs", 1}, {"codes", 1}}));
  EXPECT_EQ(merged->generation[0].tokens, "0/generation/cpu/prompt0/tokens.npy");
  EXPECT_EQ(merged->generation[0].audio, "");
  EXPECT_EQ(merged->generation[1].tokens, "1/generation/cpu/prompt0/tokens.npy");
}

TEST(Shards, OfDifferentRunsAreRefused) {
  Report other = ShardReport(1, {"a/two"});
  other.export_info["path"] = "/another";
  Report whole = ShardReport(1, {"a/two"});
  whole.environment.erase("shard");
  Report size = ShardReport(1, {"a/two"}), profile = size, require = size, libtorch = size;
  size.export_info["codec"]["size_bytes"] = 7;
  profile.environment["profile"] = "p.yaml";
  require.environment["require"] = {"cuda"};
  libtorch.environment["libtorch"] = "2.7.0";
  const struct {
    const char* name;
    Report second;
    const char* words;
  } cases[] = {{"Export", other, "are of different runs"},
               {"Size", size, "are of different runs"},
               {"Profile", profile, "are of different runs"},
               {"Require", require, "are of different runs"},
               {"LibTorch", libtorch, "are of different runs"},
               {"Total", ShardReport(1, {"a/two"}, CheckStatus::kPass, 3), "are of different runs"},
               {"NoShard", whole, "is no shard's report"},
               {"TestTwice", ShardReport(1, {"a/one"}), "a/one ran in two shards"},
               {"ShardTwice", ShardReport(0, {"a/two"}), "shard 0 is there twice"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto folders = Write(c.name, {ShardReport(0, {"a/one", "a/three"}), c.second});
    const auto merged = MergeShards(folders, Scratch(c.name));
    ASSERT_FALSE(merged.ok());
    EXPECT_EQ(merged.error().code, ErrorCode::kMismatch);
    EXPECT_THAT(merged.error().message, HasSubstr(c.words));
  }
  EXPECT_THAT(MergeShards({Scratch("nowhere")}, Scratch("x")).error().message, HasSubstr("no shard left a report"));
}

}  // namespace
}  // namespace conformance
