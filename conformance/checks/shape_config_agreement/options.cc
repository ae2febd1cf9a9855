#include <fmt/format.h>

#include "conformance/checks/shape_config_agreement/shape_config_agreement.h"
#include "harness/architecture/conditioner_kind.h"

namespace conformance {

using harness::exports::Role;

namespace {

// What get_pretrained fetches beside the export.
std::vector<std::string> ListFetches(const harness::architecture::LmSpec& spec) {
  std::vector<std::string> fetches;
  for (const harness::architecture::ConditionerSpec& conditioner : spec.conditioners)
    fetches.insert(fetches.end(), conditioner.fetches.begin(), conditioner.fetches.end());
  return fetches;
}

// Says in `outcome` which conditioner the newest audiocraft on PyPI can't build, if there is one.
void NoteNewerAudiocraft(const harness::architecture::LmSpec& spec, Outcome& outcome) {
  for (const harness::architecture::ConditionerSpec& conditioner : spec.conditioners) {
    const harness::architecture::ConditionerKind& kind = harness::architecture::FindConditionerKind(conditioner);
    if (kind.needs_audiocraft == nullptr) continue;
    outcome.message = fmt::format(
        "state_dict.bin: conditioners.{}.model is {}, which audiocraft knows from {} on. With 1.3.0, the newest release "
        "on PyPI, get_pretrained raises ValueError \"Unrecognized conditioning model: {}\"",
        conditioner.name, kind.model, kind.needs_audiocraft, kind.model);
    outcome.remedy = "Say beside the export which audiocraft it needs";
    return;
  }
}

}  // namespace

Outcome CheckOptions(Context& context, Role role) {
  harness::exports::Export& exported = context.exported();
  if (role == Role::kLanguageModel) {
    const auto& spec = exported.lm_spec();
    if (!spec.ok()) return FromStatus(spec.error());
    Outcome outcome = Pass({{"layers", spec->num_layers},
                            {"dim", spec->dim},
                            {"heads", spec->num_heads},
                            {"codebooks", spec->num_codebooks},
                            {"cardinality", spec->cardinality},
                            {"fetches", ListFetches(*spec)}});
    NoteNewerAudiocraft(*spec, outcome);
    return outcome;
  }
  const auto& spec = exported.codec_spec();
  if (!spec.ok()) return FromStatus(spec.error());
  return Pass({{"codebooks", spec->num_codebooks},
               {"cardinality", spec->cardinality},
               {"sample_rate_hz", spec->sample_rate_hz},
               {"frame_rate_hz", spec->frame_rate_hz()},
               {"channels", spec->channels}});
}

}  // namespace conformance
