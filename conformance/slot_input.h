// What a slot of the profile generates from.
#pragma once

#include <optional>
#include <string>

#include "conformance/context.h"
#include "conformance/generation_record.h"
#include "conformance/slots.h"
#include "harness/pipeline/models.h"

namespace conformance {

// The profile's first text, where the model can be given one here.
std::optional<std::string> EncodableText(const harness::Models& models, const Profile& profile);

// nullopt where there is nothing to generate from, with the status and the reason in `run`.
std::optional<harness::ConditioningInput> InputOf(const Context& context, const harness::Models& models,
                                                  const Slot& slot, GenerationRun& run);

}  // namespace conformance
