#include <fmt/format.h>

#include "conformance/checks/file_presence/file_presence.h"

namespace conformance {

Outcome CheckFormat(Context& context, harness::exports::Role role) {
  harness::exports::ExportFile& file = context.exported().file(role);
  Outcome outcome = FromStatus(file.Format());
  if (outcome.passed() && !file.of_export()) {
    outcome.message =
        fmt::format("{} is a link to a file outside of the export: a copy of the folder may hold the link only",
                    harness::exports::FileName(role));
    outcome.remedy = "Put the file itself there before the folder is published";
  }
  return outcome;
}

}  // namespace conformance
