// A run that CTest drives, one process a stage and a check.
#pragma once

#include <string>

#include "conformance/framework/run.h"

namespace conformance {

// begin, payload, generate-cpu, generate-cuda, production or report; gives the process's exit code. 77: the stage is
// not part of this run.
int RunStage(Run& run, const std::string& stage, const Context::Generator& generator);

// CMake code that adds the tests of the current run (harness of conformance/tests.cmake.in): stages and checks.
std::string ListForCTest(const Run& run, const std::string& plan);

}  // namespace conformance
