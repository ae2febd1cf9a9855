#include "conformance/program/conclude.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "conformance/program/run_report.h"
#include "harness/base/error_text.h"
#include "harness/base/safe_text.h"
#include "harness/report/summary.h"

namespace conformance {

void Print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int ReportStatus(const harness::Status& status) {
  if (status.ok()) return EXIT_SUCCESS;
  const std::string line = harness::SafeLine(harness::JoinSentences(status.error())) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  return kUsageExitCode;
}

int Conclude(Context& context, harness::report::Report report, std::optional<int> own) {
  const auto mark_failed = [&] {
    if (!context.run_failures().empty())
      report.environment["part"] = "the run failed, not the export: " + context.run_failures().front();
  };
  mark_failed();
  harness::report::SummaryOptions style;
  style.report_path = context.settings().output_dir / "report.json";
  if (auto status = WriteReports(context, report); !status.ok()) {
    context.FailRun(harness::JoinSentences(status.error()));
    mark_failed();
    style.report_path.clear();
  }
  style.color = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
  Print(harness::report::RenderSummary(report, style));
  if (own) return *own;
  return report.verdict() == harness::report::Verdict::kPass ? EXIT_SUCCESS : EXIT_FAILURE;
}

int ConcludeRun(const Context& context, int code) {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return ReportStatus(harness::Error{harness::ErrorCode::kMachine, "the standard output can't be written",
                                       "Look whether the disk has room"});
  }
  for (const std::string& why : context.run_failures()) {
    code = ReportStatus(harness::Error{harness::ErrorCode::kMachine, "the run failed, not the export: " + why});
  }
  return code;
}

}  // namespace conformance
