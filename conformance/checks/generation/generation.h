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
// What the probe that stages/model_probes.cc has for `check` left on `device`.
Outcome CheckProbe(Context& context, const std::string& device, const std::string& check);
Outcome CheckCudaAgreesWithCpu(Context& context);
Outcome CheckProductionLoader(Context& context);

}  // namespace conformance
