// From judged checks to report.json, report.html and the words at the end.
#pragma once

#include <string>

#include "conformance/framework/context.h"
#include "harness/report/report.h"

namespace conformance {

// `checks` in the graph's order; `records` by device.
harness::report::Report AssembleReport(const Context& context, std::vector<harness::report::CheckResult> checks,
                                       const std::map<std::string, GenerationRecord>& records);

// Writes OUTPUT/report.json and OUTPUT/report.html.
harness::Status WriteReports(const Context& context, const harness::report::Report& report);

// Removes what an earlier run of this suite left in the output folder, and nothing else.
harness::Status ClearArtifacts(const Settings& settings);

}  // namespace conformance
