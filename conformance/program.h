// main() of both programs: `conformance` does everything in one process; `conformance_judge`, which does not load
// LibTorch, judges for CTest what stages left.
#pragma once

#include "conformance/context.h"

namespace conformance {

int RunProgram(int argc, char** argv, const Context::Generator& generator);

}  // namespace conformance
