#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"
#include "harness/pickle/pickle_environment.h"

namespace conformance {

using harness::exports::Role;

// Damage must not hide what would run: an archive that this suite refuses may be one that the loader reads.
Outcome CheckSafety(Context& context, Role role) {
  const harness::checkpoint::Checkpoint& checkpoint = context.exported().file(role).checkpoint();
  if (!checkpoint.safety_status().ok()) return FromStatus(checkpoint.safety_status());
  if (checkpoint.structure_status().ok()) {
    Outcome outcome = Pass();
    outcome.message =
        harness::pickle::FindRefusedByNewerTorch(checkpoint.pickle(), harness::exports::FileName(role)).value_or("");
    return outcome;
  }
  return checkpoint.structure_status().error().code == harness::ErrorCode::kUnsupported
             ? FromStatus(checkpoint.structure_status())
             : Blocked(ids::kArchive(role));
}

}  // namespace conformance
