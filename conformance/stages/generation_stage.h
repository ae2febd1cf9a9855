// The heavy stage: loads both models once, generates every prompt of the profile, decodes, and leaves the artifacts
// that the checks judge. The only part of conformance/ on LibTorch.
#pragma once

#include <string>

#include "conformance/framework/context.h"
#include "conformance/framework/generation_record.h"

namespace conformance {

// Precondition: the static checks pass. Writes OUTPUT/generation/DEVICE/promptN/{tokens.npy,audio.wav}.
GenerationRecord GenerateOn(Context& context, const std::string& device);

}  // namespace conformance
