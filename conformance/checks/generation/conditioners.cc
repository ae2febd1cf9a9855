#include "conformance/checks/generation/generation.h"
#include "harness/architecture/generation_inputs.h"

namespace conformance {

// What MusicGen gives to the conditioners is what they ask for.
Outcome CheckConditioners(Context& context) {
  const auto problem = harness::architecture::FindInputProblem(*context.exported().lm_spec());
  if (!problem) return Pass();
  return Fail("state_dict.bin: " + *problem)
      .WithRemedy(harness::architecture::FindInputRemedy(*context.exported().lm_spec()));
}

}  // namespace conformance
