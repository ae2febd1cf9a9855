// One check of the suite: a row that says its id, what must hold before it can be evaluated, and the function that
// evaluates it.
//
// A check is a plain function of the export; checks/CATEGORY/ holds them, a file for a check or a close family, and
// one value-parameterised GoogleTest suite a category runs them. CHECKS.md is the catalogue for people.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "conformance/framework/check_ids.h"
#include "conformance/framework/outcome.h"

namespace conformance {

class Context;

struct Check {
  std::string id;
  std::vector<std::string> needs;  // ids: where one fails, this is blocked by it; where one did not run, nor does this
  std::function<Outcome(Context&)> evaluate;
  std::vector<std::string> explained_by =
      {};                        // ids: where one fails, this is blocked by it, and not otherwise affected
  std::string requirement = {};  // the word of CONFORMANCE_REQUIRE that it stands for; empty: none
  std::string device = {};       // that it is about; empty: none

  std::string category() const { return ids::GetCategory(id); }
  std::string test_name() const { return ids::MakeTestName(id); }
};

// As report.json keeps it.
harness::report::CheckResult ToResult(const Check& check, const Outcome& outcome);

}  // namespace conformance
