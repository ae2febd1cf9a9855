// The reports of reports.h as files: FOLDER/full.json, empty.json and hostile.json, for what checks
// report.json from outside.
#include <filesystem>
#include <iostream>

#include "harness/report/report.h"
#include "harness/testing/reports.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: report_samples FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  const std::pair<const char*, harness::report::Report> samples[] = {
      {"full.json", harness::testing_support::FullReport()},
      {"empty.json", {}},
      {"hostile.json", harness::testing_support::HostileReport()}};
  for (const auto& [name, report] : samples) {
    if (const auto status = harness::report::WriteReport(folder / name, report); !status.ok()) {
      std::cerr << status.error().message << "\n";
      return 1;
    }
  }
  return 0;
}
