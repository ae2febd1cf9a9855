// report.html: one page that needs nothing else. No script, no request: a Content-Security-Policy in the page itself
// forbids both, in case that a text out of the export should ever get past the escaping. The page lies beside
// report.json; each <audio> names its WAV relative to it, and a path that leads elsewhere is shown, never linked.
#pragma once

#include <string>

#include "harness/report/report.h"

namespace harness::report {

std::string RenderHtml(const Report& report);

}  // namespace harness::report
