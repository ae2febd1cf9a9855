// Category audio_output: the decoded sound, judged from the WAV and the codes that generation left.
//
// Statistics are NaN where they can't be computed, and every comparison is written so that NaN fails.
#pragma once

#include "conformance/framework/check.h"
#include "conformance/framework/context.h"

namespace conformance {

Outcome CheckLength(Context& context, const GenerationCase& of);
Outcome CheckFiniteSound(Context& context, const GenerationCase& of);
Outcome CheckCodebookUse(Context& context, const GenerationCase& of);
Outcome CheckLevel(Context& context, const GenerationCase& of);
Outcome CheckClipping(Context& context, const GenerationCase& of);
Outcome CheckOffset(Context& context, const GenerationCase& of);
Outcome CheckStuck(Context& context, const GenerationCase& of);

// As JSON can hold it: "nan" and its kind as texts.
nlohmann::json EncodeNumber(double value);

}  // namespace conformance
