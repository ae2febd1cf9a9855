#include "conformance/stages/model_probes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "conformance/framework/check_ids.h"
#include "harness/audio/npy.h"
#include "harness/generate/catch_torch.h"
#include "harness/generate/device_agreement.h"
#include "harness/generate/float16_readiness.h"

namespace conformance {
namespace {

using harness::Result;
using harness::model::LmConditions;

using Clock = std::chrono::steady_clock;
double MeasureSecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Half a second of most codecs: what diverges does so in the first steps, and the reference runs on the CPU.
constexpr int64_t kComparedFrames = 25;

// [K, T] int64, at most `frames` of them.
at::Tensor ReadCodes(const Context& context, const harness::architecture::LmSpec& spec, const GenerationRun& run,
                     int64_t frames) {
  if (run.status == GenerationRun::Status::kDone) {
    const auto codes = harness::audio::ReadNpy<int32_t>(context.settings().output_dir / run.tokens);
    if (codes.ok() && codes->shape.size() == 2 && codes->shape[0] == spec.num_codebooks) {
      const at::Tensor all = at::tensor(at::ArrayRef<int32_t>(codes->values)).view({codes->shape[0], codes->shape[1]});
      return all.narrow(1, 0, std::min(frames, all.size(1))).to(at::kLong).contiguous();
    }
  }
  // Spread over the codebook, each codebook and frame another one.
  constexpr int64_t kStride = 97;
  return (at::arange(spec.num_codebooks * frames, at::kLong) * kStride).remainder(spec.cardinality).view({-1, frames});
}

// Of the first prompt, as the profile has it; without a text where it can't be encoded here.
Result<LmConditions> EncodeConditions(const Context& context, const harness::pipeline::Models& models) {
  return harness::generate::CatchTorch<LmConditions>("encoding a prompt", [&]() -> Result<LmConditions> {
    harness::model::ConditioningInput sample;
    const auto& prompts = context.profile().prompts;
    if (!prompts.empty() && !models.without_text) sample.description = prompts[0];
    HARNESS_ASSIGN_OR_RETURN(harness::model::GuidedConditions conditions,
                             models.conditions.Encode({sample}, /*together=*/true));
    return std::move(conditions.positive);
  });
}

}  // namespace

ModelProbe MakeFailedProbe(const harness::Error& error) {
  ModelProbe probe;
  const bool unsupported = error.code == harness::ErrorCode::kUnsupported;
  const bool machine = error.code == harness::ErrorCode::kMachine;
  probe.not_run = unsupported || machine ? error.message : "";
  probe.reason = unsupported ? reason::kUnsupported : machine ? reason::kRunFailed : "";
  probe.message = error.message;
  probe.remedy = error.remedy;
  return probe;
}

ModelProbe ProbeFloat16(Context& context, const harness::pipeline::Models& models, const GenerationRun& run) {
  ModelProbe probe;
  const int64_t steps = context.profile().float16_steps;
  if (steps == 0) return probe;
  const auto start = Clock::now();
  const auto conditions = EncodeConditions(context, models);
  if (!conditions.ok()) return MakeFailedProbe(conditions.error());
  const auto float16 =
      harness::pipeline::LoadLanguageModel(context.exported(), {at::kCPU, harness::model::Precision::kFloat16Autocast});
  if (!float16.ok()) return MakeFailedProbe(float16.error());
  const auto readiness = harness::generate::CheckFloat16Readiness(
      *float16, models.language_model, *conditions, ReadCodes(context, models.language_model.spec(), run, steps));
  if (!readiness.ok()) return MakeFailedProbe(readiness.error());
  probe.not_run.clear();
  probe.passed = readiness->ready();
  probe.message = readiness->ready() ? "" : "state_dict.bin: " + harness::generate::Describe(*readiness);
  if (!probe.passed) probe.remedy = harness::generate::kFloat16Remedy;
  probe.measured = {{"steps", readiness->steps},
                    {"seconds", MeasureSecondsSince(start)},
                    {"largest", readiness->largest},
                    {"largest_layer", readiness->largest_layer},
                    {"first_layer", readiness->first_layer}};
  probe.limit = {{"largest", harness::generate::kFloat16Largest}};
  return probe;
}

ModelProbe ProbeAgreement(Context& context, const harness::pipeline::Models& models, const GenerationRun& run) {
  const auto start = Clock::now();
  const auto conditions = EncodeConditions(context, models);
  if (!conditions.ok()) return MakeFailedProbe(conditions.error());
  const auto reference =
      harness::pipeline::LoadLanguageModel(context.exported(), {at::kCPU, harness::model::Precision::kFloat32});
  if (!reference.ok()) return MakeFailedProbe(reference.error());
  const auto agreement =
      harness::generate::CompareModels(*reference, models.language_model, *conditions,
                                       ReadCodes(context, models.language_model.spec(), run, kComparedFrames));
  if (!agreement.ok()) return MakeFailedProbe(agreement.error());
  ModelProbe probe;
  probe.not_run.clear();
  probe.passed = agreement->agrees();
  probe.message = agreement->agrees() ? "" : "state_dict.bin: " + harness::generate::Describe(*agreement);
  if (!probe.passed) probe.remedy = harness::generate::kDisagreementRemedy;
  probe.measured = {{"difference", agreement->difference},
                    {"seconds", MeasureSecondsSince(start)},
                    {"largest_logit", agreement->largest_logit},
                    {"layers", agreement->layers},
                    {"first_layer", agreement->first_layer}};
  probe.limit = {{"difference", agreement->tolerance}};
  return probe;
}

void RunProbes(Context& context, const harness::pipeline::Models& models, const GenerationRun& run,
               GenerationRecord& record) {
  struct Row {
    const char* check;
    const char* device;
    ModelProbe (*probe)(Context&, const harness::pipeline::Models&, const GenerationRun&);
  };
  static constexpr Row kRows[] = {{ids::kFloat16Readiness, "cpu", ProbeFloat16},
                                  {ids::kCudaAgreesWithCpu, "cuda", ProbeAgreement}};
  for (const Row& row : kRows) {
    if (record.device == row.device) record.probes[row.check] = row.probe(context, models, run);
  }
}

}  // namespace conformance
