// Do the weights, the config and the codec belong together? Asks the loaded models: how well the language model
// predicts real audio that the codec encoded, what other readings of the same weights would do better, and whether what
// conditions it changes anything.
//
// No shape shows a wrong number of heads, a flattened delay pattern, another activation, another order of queries, keys
// and values, or another codec of the same shape. A trained model predicts real audio far better than chance only where
// all fits.
#pragma once

#include "conformance/framework/context.h"
#include "conformance/framework/generation_record.h"
#include "harness/pipeline/models.h"

namespace conformance {

// On the first device of the plan only; leaves a probe for each of generation/round_trip, likelihood, alternatives and conditioning in
// `record`.
//
// Note [Work of the belonging checks]
// Multiplications with weights are the unit. The default may take half of what the generation of the same run does
// (guidance doubles each of its steps), or kFreeWork, whatever the speed of the machine: a run can be repeated.
// Alternatives are scored in the order of ListAlternatives, then of ListCodecAlternatives, until that is used up; those
// that were not scored are named.
void MeasureBelonging(Context& context, const harness::pipeline::Models& models, GenerationRecord& record);

}  // namespace conformance
