// How a run ends: its reports, its last words and its exit status.
#pragma once

#include <optional>
#include <string>

#include "conformance/framework/context.h"
#include "harness/report/report.h"

namespace conformance {

inline constexpr int kSkipExitCode = 77;  // SKIP_RETURN_CODE of the stages in CTest
inline constexpr int kUsageExitCode = 2;  // the settings, or this machine: nothing that the export is to blame for

// To the standard output; not by fmt, which throws where it can't be written. ConcludeRun finds that out at the end.
void Print(const std::string& text);

// The exit status of an error that is the run's, never the export's, after it was printed; 0 where there is none.
int ReportStatus(const harness::Status& status);

// Writes the report, prints the summary, and gives the exit code that the verdict asks for, or `own`, where the report
// was written.
int Conclude(Context& context, harness::report::Report report, std::optional<int> own = std::nullopt);

// What went wrong with the run itself, by name; the exit status that follows from it, else `code`.
int ConcludeRun(const Context& context, int code);

}  // namespace conformance
