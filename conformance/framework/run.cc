#include "conformance/framework/run.h"

#include "harness/base/mapping_guard.h"

namespace conformance {

static std::unique_ptr<Run>& GetInstance() {
  static std::unique_ptr<Run> instance;
  return instance;
}

Run::Run(Settings settings, const RunPlan& plan, Context::Generator generator)
    : context(std::move(settings), plan, std::move(generator)), graph(plan), evaluator(context, graph) {}

Run& GetCurrentRun() { return *GetInstance(); }

Run& StartRun(Settings settings, const RunPlan& plan, Context::Generator generator) {
  harness::ForgetMappedFiles();
  GetInstance() = std::make_unique<Run>(std::move(settings), plan, std::move(generator));
  return *GetInstance();
}

}  // namespace conformance
