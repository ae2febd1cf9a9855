#include "harness/report/junit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "harness/report/text.h"

namespace harness::report {
namespace {

// XML has no character references for control characters; CleanText has escaped those of a text.
std::string Attribute(const std::string& text) { return EscapeHtml(CleanLine(text)); }

std::string CaseOf(const CheckResult& check) {
  std::string text =
      fmt::format("    <testcase classname=\"{}\" name=\"{}\"", Attribute(check.category), Attribute(check.id));
  if (check.status == CheckStatus::kPass) return text + "/>\n";
  if (check.status == CheckStatus::kFail) {
    const std::string whole = check.remedy.empty() ? check.message : check.message + "\nWhat to do: " + check.remedy;
    return text + fmt::format(">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
                              Attribute(check.reason.empty() ? "fail" : check.reason), Attribute(check.message),
                              EscapeHtml(whole));
  }
  return text + fmt::format("><skipped message=\"{}\"/></testcase>\n", Attribute(check.message));
}

std::string WhyIncomplete(const Report& report) {
  if (const auto part = report.part()) return *part;
  if (const auto missing = report.missing(); !missing.empty())
    return fmt::format("required, but not run: {}", fmt::join(missing, ", "));
  return fmt::format("{} and what depends on it can't be judged by this suite", fmt::join(report.unjudged(), ", "));
}

struct Counts {
  int tests = 0, failures = 0, errors = 0, skipped = 0;
};

std::string Attributes(const Counts& counts, double seconds) {
  return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3f}\"", counts.tests,
                     counts.failures, counts.errors, counts.skipped, seconds);
}

}  // namespace

std::string RenderJUnit(const std::vector<NamedReport>& reports) {
  std::string suites;
  Counts total;
  double seconds = 0;
  for (const NamedReport& named : reports) {
    Counts counts;
    std::string cases;
    if (named.report.ok()) {
      const CheckCounts checks = Count(named.report->checks);
      counts = {checks.total(), checks.failed, 0, checks.total() - checks.passed - checks.failed};
      for (const CheckResult& check : named.report->checks) cases += CaseOf(check);
      if (named.report->verdict() == Verdict::kIncomplete) {
        // No check fails, and nobody may take it for a pass.
        ++counts.tests, ++counts.errors;
        cases += fmt::format(
            "    <testcase classname=\"verdict\" name=\"verdict\">\n      <error type=\"incomplete\" message=\"{}\"/>\n"
            "    </testcase>\n",
            Attribute(WhyIncomplete(*named.report)));
      }
    } else {
      counts = {1, 0, 1, 0};
      cases = fmt::format(
          "    <testcase classname=\"run\" name=\"run\">\n      <error type=\"run_failed\" message=\"{}\"/>\n"
          "    </testcase>\n",
          Attribute(named.report.error().message));
    }
    suites += fmt::format("  <testsuite name=\"{}\" {}>\n{}  </testsuite>\n", Attribute(named.name),
                          Attributes(counts, named.seconds), cases);
    total.tests += counts.tests, total.failures += counts.failures;
    total.errors += counts.errors, total.skipped += counts.skipped;
    seconds += named.seconds;
  }
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"exports\" {}>\n{}</testsuites>\n",
                     Attributes(total, seconds), suites);
}

}  // namespace harness::report
