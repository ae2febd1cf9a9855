// The reference as a check: AUDIOCRAFT_PYTHON runs the real MusicGen.get_pretrained and a short greedy
// generation, whose codes must be those that this suite generates.
#pragma once

#include "conformance/framework/context.h"
#include "conformance/framework/production_run.h"

namespace conformance {

// Runs it now. Precondition: every check that the check `generation/production_loader` needs has passed: audiocraft
// would execute what an unsafe pickle says.
ProductionRun RunProduction(Context& context);

}  // namespace conformance
