// main() of both programs: `conformance` does everything in one process; `conformance_judge`, which does not load
// LibTorch, judges for CTest what stages left.
#pragma once

#include <functional>

#include "conformance/framework/context.h"

namespace conformance {

// What only the program on LibTorch can do itself.
struct Hooks {
  Context::Generator generator;  // null: generates nothing
  std::function<harness::Status()> can_use_cuda;
};

int RunProgram(int argc, char** argv, const Hooks& hooks);

}  // namespace conformance
