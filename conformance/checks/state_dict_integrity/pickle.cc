#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"
#include "harness/pickle/pickle_environment.h"

namespace conformance {

using harness::exports::Role;

Outcome CheckPickle(Context& context, Role role) {
  harness::exports::ExportFile& file = context.exported().file(role);
  if (FindDamagedMetadata(file)) return Blocked(ids::kChecksums(role));
  Outcome outcome = FromStatus(file.checkpoint().pickle_status());
  if (outcome.failed()) {
    outcome.message += ". The file was written wrongly, or it was changed since";
    if (outcome.remedy.empty()) outcome.remedy = "Export it again";
    return outcome;
  }
  return outcome.passed() ? FromStatus(harness::pickle::CheckLoadsInReference(file.checkpoint().pickle(),
                                                                              harness::exports::FileName(role)))
                          : outcome;
}

}  // namespace conformance
