// Category generation: the reference's defaults can be used, and a short generation ran and gave codes of the right shape
// and range, the same for the same seed.
#pragma once

#include "conformance/framework/check.h"
#include "conformance/framework/context.h"

namespace conformance {

Outcome CheckProductionDefaults(Context& context);
// What MusicGen gives to the conditioners is what they ask for.
Outcome CheckConditioners(Context& context);
Outcome CheckTextEncoder(Context& context);
Outcome CheckRuns(Context& context, const GenerationCase& of);
Outcome CheckCodes(Context& context, const GenerationCase& of);
Outcome CheckRepeatable(Context& context, const GenerationCase& of);
// The language model in float16, as CUDA has it, on the CPU.
Outcome CheckFloat16Readiness(Context& context);
Outcome CheckCudaAgreesWithCpu(Context& context);
Outcome CheckProductionLoader(Context& context);

}  // namespace conformance
