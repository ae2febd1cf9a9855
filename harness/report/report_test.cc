#include "harness/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "harness/report/report_json.h"
#include "harness/testing/matchers.h"
#include "harness/testing/reports.h"
#include "harness/testing/temporary_folder.h"

namespace harness::report {
namespace {

using namespace testing_support;
using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Verdict, FollowsTheRule) {
  constexpr auto kPass = CheckStatus::kPass;
  constexpr auto kFail = CheckStatus::kFail;
  constexpr auto kSkip = CheckStatus::kSkip;
  constexpr auto kBlocked = CheckStatus::kBlocked;
  struct Case {
    const char* name;
    std::vector<CheckStatus> statuses;
    std::vector<std::string> not_run, require;
    Verdict verdict;
  };
  const std::vector<Case> cases = {
      {"Nothing", {}, {}, {}, Verdict::kPass},
      {"AllPass", {kPass, kPass}, {}, {"cuda"}, Verdict::kPass},
      {"SkipsAreNoFailure", {kPass, kSkip}, {"cuda"}, {"text"}, Verdict::kPass},
      {"OneFails", {kPass, kFail, kPass}, {}, {}, Verdict::kFail},
      {"FailsAndBlocks", {kFail, kBlocked}, {}, {}, Verdict::kFail},
      {"RequiredDidNotRun", {kPass, kSkip}, {"cuda"}, {"cuda", "text"}, Verdict::kIncomplete},
      {"NothingButRequired", {}, {"export"}, {"export"}, Verdict::kIncomplete},
      {"FailBeatsIncomplete", {kFail}, {"cuda"}, {"cuda"}, Verdict::kFail},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Report report;
    report.not_run = c.not_run;
    report.environment["require"] = c.require;
    for (CheckStatus status : c.statuses) report.checks.push_back(MakeCheck("a/b", status));
    EXPECT_EQ(report.verdict(), c.verdict);
  }
  EXPECT_EQ(CheckResult().status, CheckStatus::kFail) << "a forgotten status must not pass";
}

TEST(Verdict, WhatCannotBeJudgedIsNoPass) {
  Report report;
  report.checks = {MakeCheck("a/options", CheckStatus::kUnsupported, "an option of tomorrow"),
                   MakeCheck("a/tensors", CheckStatus::kUnsupported, "an option of tomorrow"),
                   MakeCheck("a/values", CheckStatus::kUnsupported, "a type of tomorrow"),
                   MakeCheck("a/cuda", CheckStatus::kSkip, "unsupported here: what a message says decides nothing")};
  EXPECT_EQ(report.verdict(), Verdict::kIncomplete);
  EXPECT_THAT(report.unjudged(), ElementsAre("a/options", "a/values"));
  report.checks.push_back(MakeCheck("a/x", CheckStatus::kFail, "broken"));
  EXPECT_EQ(report.verdict(), Verdict::kFail);
}

TEST(Verdict, OfAPartIsNoPass) {
  Report report;
  report.checks = {MakeCheck("a/options", CheckStatus::kPass, "")};
  report.environment = {{"part", ""}};
  EXPECT_EQ(report.verdict(), Verdict::kPass);
  report.environment = {{"part", "3 of 69 checks ran"}};
  EXPECT_EQ(report.verdict(), Verdict::kIncomplete);
  EXPECT_EQ(report.part(), "3 of 69 checks ran");
  report.checks.push_back(MakeCheck("a/x", CheckStatus::kFail, "broken"));
  EXPECT_EQ(report.verdict(), Verdict::kFail);
}

TEST(Report, CountsEachStatus) {
  const CheckCounts counts = Count(FullReport().checks);
  EXPECT_EQ(counts.passed, 2);
  EXPECT_EQ(counts.failed, 1);
  EXPECT_EQ(counts.blocked, 2);
  EXPECT_EQ(counts.skipped, 3);
  EXPECT_EQ(counts.unsupported, 2);
  EXPECT_EQ(counts.total(), 10);
}

TEST(Report, RoundTrips) {
  TemporaryFolder folder;
  const auto path = folder / "artifacts" / "report.json";
  const Report report = FullReport();
  ASSERT_TRUE(WriteReport(path, report).ok());
  EXPECT_EQ(CountFiles(path.parent_path()), 1u) << "no temporary file stays";
  const Result<Report> read = ReadReport(path);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(ToJson(*read), ToJson(report));
  ASSERT_EQ(read->generation.size(), 2u);
  EXPECT_EQ(read->generation[0].prompt, std::nullopt);
  EXPECT_EQ(read->generation[1].prompt, "upbeat lo fi hip hop beat");
  EXPECT_EQ(read->generation[1].seed, -7);
  EXPECT_EQ(read->generation[1].audio, "");
  EXPECT_EQ(read->checks[2].limit["layers"], 48);
  EXPECT_EQ(read->checks[2].remedy, "Export it again.");
  EXPECT_EQ(read->checks[3].blocked_by, read->checks[2].id);
  EXPECT_EQ(read->checks[5].reason, "no_device");
  EXPECT_EQ(read->checks[5].requirement, "cuda");
  EXPECT_EQ(read->checks[5].device, "cuda");
  EXPECT_EQ(read->checks[8].status, CheckStatus::kUnsupported);

  ASSERT_TRUE(WriteReport(path, Report()).ok());
  ASSERT_TRUE(ReadReport(path).ok()) << "an empty report is one";
}

// The keys that users rely on, in the order in which they stand in the file.
TEST(Report, HasTheDocumentedKeys) {
  const auto keys = [](const nlohmann::ordered_json& object) {
    std::vector<std::string> names;
    for (const auto& item : object.items()) names.push_back(item.key());
    return names;
  };
  const nlohmann::ordered_json out = ToJson(FullReport());
  EXPECT_THAT(keys(out), ElementsAre("schema", "verdict", "not_run", "not_applied", "export", "environment", "checks",
                                     "generation"));
  EXPECT_THAT(keys(out["checks"][0]), ElementsAre("id", "category", "status", "message", "remedy", "reason",
                                                  "blocked_by", "requirement", "device", "measured", "limit"));
  EXPECT_THAT(keys(out["generation"][0]),
              ElementsAre("device", "run", "prompt", "seed", "tokens", "audio", "frames", "metrics"));
  EXPECT_EQ(out["schema"], "2");
  EXPECT_EQ(out["verdict"], "fail");
  for (const char* key : {"remedy", "reason", "blocked_by", "requirement", "device"}) {
    EXPECT_TRUE(out["checks"][0][key].is_null()) << key;
  }
  EXPECT_TRUE(out["generation"][0]["prompt"].is_null());
  EXPECT_TRUE(out["generation"][1]["audio"].is_null());
}

TEST(Report, HostileTextAndNaNAreStored) {
  TemporaryFolder folder;
  ASSERT_TRUE(WriteReport(folder / "report.json", HostileReport()).ok());
  const Result<Report> read = ReadReport(folder / "report.json");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->checks[0].message, "tensor \uFFFD\uFFFD\x1b[2J\" \\ " + std::string("\0", 1));
  EXPECT_EQ(read->checks[0].measured["bad \uFFFD key"], "bad \uFFFD value");
  EXPECT_EQ(read->checks[0].measured["rms"], "nan");
  EXPECT_EQ(read->checks[0].measured["peaks"].dump(), R"(["inf","-inf",0.1])");
  EXPECT_EQ(read->generation[0].prompt, "\uFFFD");
}

TEST(Report, EditedReportsAreRefused) {
  struct Case {
    const char* name;
    std::function<void(json&)> edit;
    ErrorCode code;
    const char* words;
  };
  const auto corrupt = ErrorCode::kCorrupt;
  const std::vector<Case> cases = {
      {"Array", [](json& r) { r = json::array(); }, corrupt, "expected an object, found array"},
      {"Null", [](json& r) { r = nullptr; }, corrupt, "expected an object, found null"},
      {"LaterSchema", [](json& r) { r["schema"] = "3"; }, ErrorCode::kUnsupported,
       "schema '3' was written by another version of this suite"},
      {"EarlierSchema", [](json& r) { r["schema"] = "1"; }, ErrorCode::kUnsupported,
       "schema '1' was written by another version of this suite, which reads schema '2'"},
      {"SchemaIsANumber", [](json& r) { r["schema"] = 1; }, corrupt, "schema: expected a string, found number"},
      {"NoSchema", [](json& r) { r.erase("schema"); }, corrupt, "key 'schema' is missing"},
      {"UnknownKey", [](json& r) { r["extra"] = 1; }, corrupt, "unknown key 'extra'"},
      {"NoChecks", [](json& r) { r.erase("checks"); }, corrupt, "key 'checks' is missing"},
      {"ChecksAreAnObject", [](json& r) { r["checks"] = json::object(); }, corrupt, "checks: expected an array"},
      {"VerdictIsAWord", [](json& r) { r["verdict"] = "great"; }, corrupt, "give 'fail', found 'great'"},
      {"VerdictIsWhitewashed", [](json& r) { r["verdict"] = "pass"; }, corrupt, "give 'fail', found 'pass'"},
      {"VerdictIsNull", [](json& r) { r["verdict"] = nullptr; }, corrupt, "verdict: expected a string, found null"},
      {"NotRunIsText", [](json& r) { r["not_run"] = "cuda"; }, corrupt, "not_run: expected an array"},
      {"NotRunHoldsANumber", [](json& r) { r["not_run"][0] = 7; }, corrupt, "not_run[0]: expected a string"},
      {"NotAppliedHoldsNull", [](json& r) { r["not_applied"][0] = nullptr; }, corrupt,
       "not_applied[0]: expected a string"},
      {"ExportIsText", [](json& r) { r["export"] = "x"; }, corrupt, "export: expected an object, found string"},
      {"EnvironmentIsNull", [](json& r) { r["environment"] = nullptr; }, corrupt, "environment: expected an object"},
      {"CheckIsText", [](json& r) { r["checks"][1] = "x"; }, corrupt, "checks[1]: expected an object, found string"},
      {"CheckWithoutId", [](json& r) { r["checks"][1].erase("id"); }, corrupt, "checks[1]: key 'id' is missing"},
      {"CheckWithMore", [](json& r) { r["checks"][1]["x"] = 1; }, corrupt, "checks[1]: unknown key 'x'"},
      {"CheckWithoutRemedy", [](json& r) { r["checks"][1].erase("remedy"); }, corrupt, "key 'remedy' is missing"},
      {"CheckWithoutReason", [](json& r) { r["checks"][1].erase("reason"); }, corrupt, "key 'reason' is missing"},
      {"BlockedByIsANumber", [](json& r) { r["checks"][3]["blocked_by"] = 2; }, corrupt,
       "checks[3]: blocked_by: expected a string, found number"},
      {"RequirementIsAList", [](json& r) { r["checks"][5]["requirement"] = json::array(); }, corrupt,
       "checks[5]: requirement: expected a string"},
      {"DeviceIsANumber", [](json& r) { r["checks"][5]["device"] = 0; }, corrupt, "device: expected a string"},
      {"StatusUnknown", [](json& r) { r["checks"][1]["status"] = "PASS"; }, corrupt,
       "checks[1]: status: expected pass, fail, skip, blocked or unsupported, found 'PASS'"},
      {"MessageIsNull", [](json& r) { r["checks"][1]["message"] = nullptr; }, corrupt, "message: expected a string"},
      {"SeedIsAFraction", [](json& r) { r["generation"][0]["seed"] = 0.5; }, corrupt,
       "generation[0]: seed: expected an integer"},
      {"SeedBeyondInt64", [](json& r) { r["generation"][0]["seed"] = UINT64_MAX; }, corrupt, "64 bits with a sign"},
      {"PromptIsANumber", [](json& r) { r["generation"][0]["prompt"] = 3; }, corrupt, "prompt: expected a string"},
      {"FramesIsText", [](json& r) { r["generation"][1]["frames"] = "9"; }, corrupt,
       "generation[1]: frames: expected an integer"},
      {"MetricsIsNull", [](json& r) { r["generation"][1]["metrics"] = nullptr; }, corrupt,
       "metrics: expected an object"},
  };
  TemporaryFolder folder;
  const json whole = json::parse(ToJson(FullReport()).dump());
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    json edited = whole;
    c.edit(edited);
    PutFile(folder / "report.json", edited.dump());
    EXPECT_THAT(ReadReport(folder / "report.json"), FailsWith(c.code, c.words));
    EXPECT_THAT(ReadReport(folder / "report.json"), FailsWith(c.code, "report.json: "));
  }
}

TEST(Report, BrokenFilesAreRefused) {
  struct Case {
    const char* name;
    std::string bytes;
    const char* words;
  };
  const std::string whole = Dump(ToJson(FullReport()));
  const std::vector<Case> cases = {
      {"Empty", "", "not JSON"},
      {"Text", "no JSON here", "not JSON"},
      {"Twice", whole + whole, "not JSON"},
      {"BrokenUtf8", "{\"schema\": \"\xFF\"}", "not JSON"},
      {"NumberTooLarge", "{\"schema\": 1e999}", "not JSON"},
      {"NaN", "{\"schema\": NaN}", "not JSON"},
      {"NestedAMillionDeep", std::string(1000000, '['), "nested 1000000 deep"},
      {"NestedObjects",
       [] {
         std::string s;
         for (int i = 0; i < 100; ++i) s += "{\"a\":";
         return s;
       }(),
       "nested 100 deep"},
  };
  TemporaryFolder folder;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    PutFile(folder / "report.json", c.bytes);
    EXPECT_THAT(ReadReport(folder / "report.json"), FailsWith(ErrorCode::kCorrupt, c.words));
  }
  for (size_t size = 0; size + 2 < whole.size(); size += 37) {
    PutFile(folder / "report.json", whole.substr(0, size));
    ASSERT_THAT(ReadReport(folder / "report.json"), FailsWith(ErrorCode::kCorrupt, "not JSON")) << size;
  }
  EXPECT_THAT(ReadReport(folder / "none.json"), FailsWith(ErrorCode::kNotFound, "none.json"));
  EXPECT_THAT(ReadReport(folder.path()), FailsWith(ErrorCode::kIo, "not a regular file"));
  PutFile(folder / "file", "");
  EXPECT_THAT(WriteReport(folder / "file" / "report.json", Report()), FailsWith(ErrorCode::kIo, "report.json"));
}

TEST(Report, BracketsInTextAreNoNesting) {
  TemporaryFolder folder;
  Report report = FullReport();
  report.checks[0].message = std::string(1000, '[') + "\\\"" + std::string(1000, '{');
  ASSERT_TRUE(WriteReport(folder / "report.json", report).ok());
  EXPECT_TRUE(ReadReport(folder / "report.json").ok());
}

TEST(CheckResults, ComeBackInTheAskedOrder) {
  TemporaryFolder folder;
  const Report report = FullReport();
  std::vector<std::string> ids;
  for (const CheckResult& check : report.checks) {
    ASSERT_TRUE(WriteCheckResult(folder / "checks", check).ok());
    ids.insert(ids.begin(), check.id);
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "checks" / "generation.cuda.text.json"));
  EXPECT_EQ(CountFiles(folder / "checks"), report.checks.size());
  const Result<CollectedChecks> read = ReadCheckResults(folder / "checks", ids);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_THAT(read->missing, IsEmpty());
  ASSERT_EQ(read->checks.size(), ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(ToJson(read->checks[i]), ToJson(report.checks[ids.size() - 1 - i]));
  }
}

TEST(CheckResults, MissingOnesAreNamed) {
  TemporaryFolder folder;
  ASSERT_TRUE(WriteCheckResult(folder.path(), MakeCheck("a/b", CheckStatus::kPass)).ok());
  const Result<CollectedChecks> read = ReadCheckResults(folder.path(), {"a/a", "a/b", "a/c"});
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->checks.size(), 1u);
  EXPECT_THAT(read->missing, ElementsAre("a/a", "a/c"));
  EXPECT_THAT(ReadCheckResults(folder / "none", {"a/b"})->missing, ElementsAre("a/b"));
}

TEST(CheckResults, LaterResultReplacesTheEarlier) {
  TemporaryFolder folder;
  ASSERT_TRUE(WriteCheckResult(folder.path(), MakeCheck("a/b", CheckStatus::kPass)).ok());
  ASSERT_TRUE(WriteCheckResult(folder.path(), MakeCheck("a/b", CheckStatus::kFail, "now")).ok());
  EXPECT_EQ(ReadCheckResults(folder.path(), {"a/b"})->checks[0].message, "now");
}

TEST(CheckResults, BadIdsAndFilesAreRefused) {
  TemporaryFolder folder;
  const auto bad = {std::string(),      std::string("../x"),    std::string("/x"),     std::string("a b"),
                    std::string("a\n"), std::string("a\0b", 3), std::string(201, 'a'), std::string("é")};
  for (const std::string& id : bad) {
    EXPECT_THAT(WriteCheckResult(folder.path(), MakeCheck(id, CheckStatus::kPass)),
                FailsWith(ErrorCode::kUnsupported, "can't be a file name"));
    EXPECT_THAT(ReadCheckResults(folder.path(), {id}), FailsWith(ErrorCode::kUnsupported, "can't be a file name"));
  }
  EXPECT_EQ(CountFiles(folder.path()), 0u);
  ASSERT_TRUE(WriteCheckResult(folder.path(), MakeCheck("a.b", CheckStatus::kPass)).ok());
  EXPECT_THAT(ReadCheckResults(folder.path(), {"a/b"}), FailsWith(ErrorCode::kMismatch, "found that of a.b"));
  PutFile(folder / "a.b.json", "{\"id\"");
  EXPECT_THAT(ReadCheckResults(folder.path(), {"a/b"}), FailsWith(ErrorCode::kCorrupt, "a.b.json: is not JSON"));
  PutFile(folder / "a.b.json", "{\"id\": \"a/b\"}");
  EXPECT_THAT(ReadCheckResults(folder.path(), {"a/b"}), FailsWith(ErrorCode::kCorrupt, "key 'category' is missing"));
}

}  // namespace
}  // namespace harness::report
