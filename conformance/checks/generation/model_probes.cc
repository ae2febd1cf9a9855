#include <fmt/format.h>

#include "conformance/checks/generation/generation.h"

namespace conformance {
namespace {

// The check that says why nothing ran on `device`.
std::string FirstRuns(const Context& context, const std::string& device) {
  const GenerationCase* first = context.plan().FirstCase(device);
  return ids::kRuns(first != nullptr ? *first : GenerationCase{device, 0});
}

Outcome FromProbe(const Context& context, const GenerationRecord& record, const ModelProbe& probe) {
  if (record.skipped) return Skip(record.reason, record.problem);
  if (!record.problem.empty()) return Blocked(FirstRuns(context, record.device));
  if (!probe.not_run.empty()) return Skip(probe.reason, probe.not_run);
  return probe.passed ? Pass(probe.measured, probe.limit) : Fail(probe.message, probe.measured, probe.limit);
}

}  // namespace

Outcome CheckFloat16Readiness(Context& context) {
  const GenerationRecord& record = context.Generation("cpu");
  return FromProbe(context, record, record.float16_readiness);
}

Outcome CheckCudaAgreesWithCpu(Context& context) {
  const GenerationRecord& record = context.Generation("cuda");
  const ModelProbe& probe = record.cuda_agreement;
  // Where the device stopped, nothing could be compared, either: one cause, told once.
  const bool compared = probe.not_run.empty() && !probe.measured.is_null();
  const std::string first = FirstRuns(context, "cuda");
  if (!compared && context.OutcomeOf(first).failed()) return Blocked(first);
  return FromProbe(context, record, probe);
}

}  // namespace conformance
