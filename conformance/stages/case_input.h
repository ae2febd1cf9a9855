// What a case of the run generates from.
#pragma once

#include <optional>
#include <string>

#include "conformance/framework/context.h"
#include "conformance/framework/generation_case.h"
#include "conformance/framework/generation_record.h"
#include "harness/pipeline/models.h"

namespace conformance {

// The profile's first text, where the model can be given one here.
std::optional<std::string> FindEncodableText(const harness::pipeline::Models& models, const Profile& profile);

// nullopt where there is nothing to generate from, with the status and the reason in `run`.
std::optional<harness::model::ConditioningInput> MakeInput(const Context& context,
                                                           const harness::pipeline::Models& models,
                                                           const GenerationCase& of, GenerationRun& run);

}  // namespace conformance
