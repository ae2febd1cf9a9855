// The checks of the current run as GoogleTest's tests: one value-parameterised suite a category, with tests named
// FilePresence.Holds/LanguageModelPresent. GoogleTest asks for the parameters when it is initialised: StartRun comes
// first.
#pragma once

#include <string>
#include <vector>

#include "conformance/framework/check.h"

namespace conformance {

// The checks of the current run that are tests: all of its graph, or without an export the one that says so.
std::vector<Check> ListTests(const std::string& category);

// The ids of the checks that ran as tests in this process, not only because another needs them.
std::vector<std::string>& GetTestedIds();

}  // namespace conformance
