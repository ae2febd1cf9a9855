// What a person reads at the end of a run: the verdict first, then why. UTF-8, ends in a line feed; what comes out of
// the export is cleaned (text.h) and can't steer the terminal. Skips and blocked checks are counted, never hidden.
#pragma once

#include <filesystem>
#include <string>

#include "harness/report/report.h"

namespace harness::report {

struct SummaryOptions {
  int width = 100;                         // columns; at least 40 are used
  bool color = false;                      // ANSI colours (SGR)
  std::filesystem::path report_path = {};  // of report.json, to be named at the end; empty: not named
};

std::string RenderSummary(const Report& report, const SummaryOptions& options = {});

// "FAIL my-export: 200 passed, 1 failed; first failure: ID", without a line feed: a row of several exports' table.
std::string RenderLine(const Report& report);

}  // namespace harness::report
