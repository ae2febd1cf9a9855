// The sounds that are put into report.html.
#pragma once

#include <filesystem>

#include "harness/report/html.h"

namespace conformance {

// Of the report's generated samples, in order, those that fit: the page can then be sent by mail. The others, and those
// that can't be read, stay links. `folder`: of the run's artifacts.
harness::report::PageSounds ReadPageSounds(const std::filesystem::path& folder, const harness::report::Report& report);

}  // namespace conformance
