// Music that goes on from a prompt of audio: the one thing that needs the codec's encoder. Part of the generation
// stage, on LibTorch.
#pragma once

#include <string>

#include "conformance/framework/context.h"
#include "conformance/framework/generation_record.h"
#include "harness/pipeline/models.h"

namespace conformance {

// Whether MusicGen.generate_continuation works on `device`: a second of the reference audio is encoded, continued by a
// few frames and decoded. Writes OUTPUT/generation/DEVICE/continuation/{tokens.npy,audio.wav}.
ModelProbe ProbeContinuation(Context& context, const harness::pipeline::Models& models, const std::string& device);

}  // namespace conformance
