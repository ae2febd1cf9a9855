#include <fmt/format.h>

#include "conformance/checks/generation/generation.h"

namespace conformance {

Outcome CheckRuns(Context& context, const GenerationCase& of) {
  const GenerationRecord& record = context.Generation(of.device);
  if (!record.problem.empty()) {
    if (record.skipped) return Skip(record.reason, record.problem).WithRemedy(record.remedy);
    // One cause, reported once: by the first case of the device.
    const GenerationCase* first = context.plan().FindFirstCase(of.device);
    if (first != nullptr && first->Path() != of.Path()) return Blocked(ids::kRuns(*first));
    return Fail(record.problem).WithReason(record.reason).WithRemedy(record.remedy);
  }
  const GenerationRun& run = context.GetRun(of);
  switch (run.status) {
    case GenerationRun::Status::kNotRun:
      return Skip(reason::kStageLeftNothing, fmt::format("the generation stage left nothing of {}", of.Path()));
    case GenerationRun::Status::kSkipped: return Skip(run.reason, run.message).WithRemedy(run.remedy);
    case GenerationRun::Status::kUnsupported: return Unsupported(run.message).WithRemedy(run.remedy);
    case GenerationRun::Status::kFailed:
      return Fail(fmt::format("{} ({}): {}", of.device, DescribePrompt(run), run.message)).WithRemedy(run.remedy);
    case GenerationRun::Status::kDone: break;
  }
  nlohmann::json measured = {
      {"frames", run.frames},         {"device", record.device_name},     {"memory_peak_bytes", run.memory_peak_bytes},
      {"load_s", run.load_s},         {"first_code_s", run.first_code_s}, {"step_s", run.step_s},
      {"generate_s", run.generate_s}, {"decode_s", run.decode_s}};
  // Of a card only.
  if (!record.compute_capability.empty()) measured["compute_capability"] = record.compute_capability;
  if (!record.driver_version.empty()) measured["driver_version"] = record.driver_version;
  return Pass(std::move(measured));
}

}  // namespace conformance
