#include <fmt/format.h>

#include "conformance/checks/generation/generation.h"

namespace conformance {
namespace {

// The check that says why nothing ran on `device`.
std::string FindFirstRuns(const Context& context, const std::string& device) {
  const GenerationCase* first = context.plan().FindFirstCase(device);
  return ids::kRuns(first != nullptr ? *first : GenerationCase{device, 0});
}

}  // namespace

Outcome CheckProbe(Context& context, const std::string& device, const std::string& check) {
  const GenerationRecord& record = context.Generation(device);
  const ModelProbe& probe = record.FindProbe(check);
  if (record.skipped) return Skip(record.reason, record.problem).WithRemedy(record.remedy);
  if (!record.problem.empty()) return Blocked(FindFirstRuns(context, record.device));
  if (!probe.not_run.empty()) return Skip(probe.reason, probe.not_run).WithRemedy(probe.remedy);
  return probe.passed ? Pass(probe.measured, probe.limit)
                      : Fail(probe.message, probe.measured, probe.limit).WithRemedy(probe.remedy);
}

Outcome CheckCudaAgreesWithCpu(Context& context) {
  const ModelProbe& probe = context.Generation("cuda").FindProbe(ids::kCudaAgreesWithCpu);
  // Where the device stopped, nothing could be compared, either: one cause, reported once.
  const bool compared = probe.not_run.empty() && !probe.measured.is_null();
  const std::string first = FindFirstRuns(context, "cuda");
  if (!compared && context.GetOutcome(first).failed()) return Blocked(first);
  return CheckProbe(context, "cuda", ids::kCudaAgreesWithCpu);
}

}  // namespace conformance
