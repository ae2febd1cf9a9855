#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"

namespace conformance {

using harness::exports::Role;

Outcome CheckArchive(Context& context, Role role) {
  Outcome outcome = FromStatus(context.exported().file(role).checkpoint().structure_status());
  if (outcome.failed() && outcome.remedy.empty())
    outcome.remedy = "Copy the file again as it was written, or export it again";
  return outcome;
}

}  // namespace conformance
