// The process's run: its context, its graph of checks and what was judged so far. GoogleTest's tests find it here.
#pragma once

#include <memory>

#include "conformance/framework/evaluator.h"

namespace conformance {

struct Run {
  Run(Settings settings, const RunPlan& plan, Context::Generator generator);
  Context context;
  CheckGraph graph;
  Evaluator evaluator;
};

// Precondition of GetCurrentRun: StartRun was called.
Run& GetCurrentRun();
Run& StartRun(Settings settings, const RunPlan& plan, Context::Generator generator);

}  // namespace conformance
