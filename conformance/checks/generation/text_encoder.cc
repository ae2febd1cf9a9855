#include "conformance/checks/generation/generation.h"
#include "harness/text/t5_files.h"

namespace conformance {

// The T5 that get_pretrained fetches beside the export: in the cache, and whole.
Outcome CheckTextEncoder(Context& context) {
  harness::exports::Export& exported = context.exported();
  for (const harness::architecture::ConditionerSpec& conditioner : exported.lm_spec()->conditioners) {
    const auto* t5 = std::get_if<harness::architecture::T5Options>(&conditioner.options);
    if (t5 == nullptr) continue;
    const auto status =
        harness::text::CheckT5(t5->name, exported.hub(), conditioner.input_dim, exported.working_directory());
    if (status.ok()) continue;
    const bool absent =
        status.error().code == harness::ErrorCode::kNotFound || status.error().code == harness::ErrorCode::kUnsupported;
    return absent ? Skip(reason::kNotInCache, status.error().message).WithRemedy(status.error().remedy)
                  : FromStatus(status);
  }
  return Pass();
}

}  // namespace conformance
