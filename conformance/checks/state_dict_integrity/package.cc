#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"

namespace conformance {

using harness::exports::Role;

Outcome CheckPackage(Context& context, Role role) {
  const auto& package = context.exported().file(role).package();
  if (!package.ok()) return FromStatus(package.error());
  return Pass({{"keys", package->keys}, {"tensors", package->best_state.size()}});
}

}  // namespace conformance
