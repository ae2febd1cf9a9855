#include "conformance/framework/registration.h"

#include <gtest/gtest.h>

#include <ostream>

#include "conformance/framework/run.h"
#include "harness/base/error_text.h"

namespace conformance {
namespace {

using harness::report::CheckStatus;

// Evaluates the check, records it for report.json, and reports it to GoogleTest.
void RunAsTest(const Check& check) {
  Context& context = GetCurrentRun().context;
  const Settings& settings = context.settings();
  GetTestedIds().push_back(check.id);
  const Outcome& outcome = GetCurrentRun().evaluator.Evaluate(check);
  // Text: a number would be cut to an integer.
  if (!outcome.measured.is_null()) testing::Test::RecordProperty("measured", outcome.measured.dump());
  if (!outcome.limit.is_null()) testing::Test::RecordProperty("limit", outcome.limit.dump());
  if (!outcome.reason.empty()) testing::Test::RecordProperty("reason", outcome.reason);
  if (settings.staged && settings.export_dir) {
    const auto status = harness::report::WriteCheckResult(settings.output_dir / "checks", ToResult(check, outcome));
    if (!status.ok()) context.FailRun(harness::JoinSentences(status.error()));
  }
  if (outcome.passed() && !outcome.message.empty())
    testing::Test::RecordProperty("note", harness::JoinRemedy(outcome.message, outcome.remedy));
  const std::string remedy = outcome.remedy.empty() ? "" : "\nWhat to do: " + outcome.remedy;
  switch (outcome.status) {
    case CheckStatus::kPass: return;
    case CheckStatus::kFail: FAIL() << outcome.message << remedy;
    case CheckStatus::kSkip:
    case CheckStatus::kUnsupported:
      if (settings.require.contains(outcome.requirement)) {
        FAIL() << "CONFORMANCE_REQUIRE names " << outcome.requirement << ", which did not run: " << outcome.message
               << remedy;
      }
      GTEST_SKIP() << (outcome.status == CheckStatus::kSkip ? "" : "this suite can't judge it: ") << outcome.message
                   << remedy;
    case CheckStatus::kBlocked: GTEST_SKIP() << outcome.message;
  }
}

}  // namespace

std::vector<Check> ListTests(const std::string& category) {
  const Run& run = GetCurrentRun();
  std::vector<Check> checks = run.graph.SelectCategory(category);
  if (!run.context.settings().export_dir) std::erase_if(checks, [](const Check& c) { return c.id != ids::kFolder; });
  return checks;
}

std::vector<std::string>& GetTestedIds() {
  static std::vector<std::string> ids;
  return ids;
}

// GoogleTest prints a parameter by its id; it finds this by argument-dependent lookup.
void PrintTo(const Check& check, std::ostream* stream) { *stream << check.id; }

// A category without a check is one that this run has no use for: the unit tests hold that each has some.
#define CONFORMANCE_SUITE(Suite, category)                                  \
  class Suite : public testing::TestWithParam<Check> {};                    \
  GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Suite);                     \
  TEST_P(Suite, Holds) { RunAsTest(GetParam()); }                           \
  INSTANTIATE_TEST_SUITE_P(, Suite, testing::ValuesIn(ListTests(category)), \
                           [](const testing::TestParamInfo<Check>& of) { return of.param.test_name(); })

CONFORMANCE_SUITE(FilePresence, "file_presence");
CONFORMANCE_SUITE(StateDictIntegrity, "state_dict_integrity");
CONFORMANCE_SUITE(ShapeConfigAgreement, "shape_config_agreement");
CONFORMANCE_SUITE(CodecCompatibility, "codec_compatibility");
CONFORMANCE_SUITE(Generation, "generation");
CONFORMANCE_SUITE(AudioOutput, "audio_output");

}  // namespace conformance
