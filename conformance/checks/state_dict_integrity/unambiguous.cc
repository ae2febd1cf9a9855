#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"

namespace conformance {

using harness::exports::Role;

Outcome CheckUnambiguous(Context& context, Role role) {
  const harness::checkpoint::Checkpoint& checkpoint = context.exported().file(role).checkpoint();
  if (!checkpoint.unambiguous_status().ok()) return FromStatus(checkpoint.unambiguous_status());
  if (!checkpoint.structure_status().ok()) return Blocked(ids::kArchive(role));
  return Pass();
}

}  // namespace conformance
