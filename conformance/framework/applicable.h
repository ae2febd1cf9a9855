// Finds out what applies to a run, before its tests are listed.
#pragma once

#include <functional>

#include "conformance/framework/run_plan.h"

namespace conformance {

// Looks at the devices, and at the export as far as its metadata says whether texts, melodies and the codec can be run.
// In a child process: what is hostile in the files, and CUDA, which a child can't take over, stay there. Where the
// child comes to nothing, all is taken to apply, and the checks say what is wrong. `can_use_cuda` is asked where nobody
// chose the devices.
Applicable FindApplicable(const Settings& settings, const std::function<harness::Status()>& can_use_cuda);

}  // namespace conformance
