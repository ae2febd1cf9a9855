// One JUnit file for several exports: a suite an export, a case a check. What CI systems read (Jenkins, GitLab, GitHub's
// actions): a failure's first line is its message, a check that did not run is skipped and says why.
#pragma once

#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/report/report.h"

namespace harness::report {

struct NamedReport {
  std::string name;       // of the suite: the export as it was given
  Result<Report> report;  // an error where the run left none: the suite's only case, and it fails
  double seconds = 0;     // that the run took; 0: not known
};

// XML 1.0, UTF-8. Texts out of the exports are cleaned (text.h).
std::string RenderJUnit(const std::vector<NamedReport>& reports);

}  // namespace harness::report
