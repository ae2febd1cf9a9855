#include "conformance/checks/generation/generation.h"
#include "harness/architecture/generation_inputs.h"

namespace conformance {

// What MusicGen gives to the conditioners is what they ask for.
Outcome CheckConditioners(Context& context) {
  const std::string problem = harness::GenerateProblem(*context.exported().lm_spec());
  return problem.empty() ? Pass() : Fail("state_dict.bin: " + problem);
}

}  // namespace conformance
