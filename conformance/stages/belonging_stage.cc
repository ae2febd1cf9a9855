#include "conformance/stages/belonging_stage.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>

#include "conformance/framework/check_ids.h"
#include "conformance/stages/belonging.h"
#include "conformance/stages/case_input.h"
#include "conformance/stages/model_probes.h"
#include "harness/generate/catch_torch.h"
#include "harness/pipeline/reference_audio.h"

namespace conformance {
namespace {

using harness::Error;
using harness::Result;
using harness::architecture::LmSpec;
using Clock = std::chrono::steady_clock;

// Multiplications: small models get them whatever is generated.
constexpr double kFreeWork = 2e9;
// Of what the generation takes: of MusicGen small five other readings.
constexpr double kShareOfGeneration = 0.5;
constexpr int64_t kMostFrames = 100;                      // 2 s of most codecs
constexpr int64_t kFewestWindows = 5, kMostWindows = 15;  // 10 and 30 s
// Of every alternative, and some more: as many as a codec of four codebooks has.
constexpr double kAlternatives = 60;
constexpr int64_t kFewestFrames = 40;  // four blocks

BelongingBudget MakeBudget(const Context& context, const LmSpec& spec, double frame_rate_hz,
                           const std::string& device) {
  if (context.profile().belonging == "all")
    return {kMostFrames, kMostFrames, kMostWindows, std::numeric_limits<double>::infinity()};
  const auto& cases = context.plan().cases;
  const auto runs = std::count_if(cases.begin(), cases.end(), [&](const auto& of) { return of.device == device; });
  const double step = CountLmWork(spec, kMostFrames) / static_cast<double>(kMostFrames);
  const double generated = static_cast<double>(runs) * 2 * context.profile().duration_s * frame_rate_hz * step;
  const double allowed = std::max(generated * kShareOfGeneration, kFreeWork);
  BelongingBudget budget;
  budget.frames = std::clamp(static_cast<int64_t>(std::min(allowed / step, 1e9)) / 4, kFewestFrames, kMostFrames);
  budget.first =
      std::clamp(static_cast<int64_t>(std::min(allowed / step / kAlternatives, 1e9)), budget.frames / 4, budget.frames);
  budget.windows =
      std::clamp(static_cast<int64_t>(std::min(10 * allowed / step / static_cast<double>(budget.frames), 1e9)),
                 kFewestWindows, kMostWindows);
  // What the likelihood takes comes first.
  budget.work = std::max(0.0, allowed - CountLmWork(spec, budget.frames));
  return budget;
}

// `like`: what the windows share. `window`: which of its stretches of `frames`, from 0; behind its end there are no codes.
Result<Reference> ReadReference(const harness::pipeline::Models& models, const Reference& like, int64_t frames,
                                int64_t window) {
  const harness::architecture::CodecFacts& codec = models.codec->facts();
  // One frame more: what a codec makes of the end is cut away.
  const int64_t length = codec.Samples(frames + codec.steps_per_frame);
  const int64_t start = window * codec.Samples(frames), end = start + length;
  Reference reference = like;
  reference.audio = reference.codes = at::Tensor();
  at::Tensor& read = *reference.read;
  if (!read.defined() || read.size(2) < end) {
    // Twice as far as was needed last: files and the clip can only be read from their start.
    const double seconds = static_cast<double>((window > 0 ? 2 : 1) * end + codec.missing_samples) /
                           static_cast<double>(codec.sample_rate_hz);
    HARNESS_ASSIGN_OR_RETURN(read, harness::pipeline::ReadReferenceAudio(like.file, codec, seconds));
  }
  if (start > 0 && start + codec.Samples(kFewestFrames) > read.size(2)) return reference;
  reference.audio = read.narrow(2, start, std::min(length, read.size(2) - start));
  return harness::generate::CatchTorch<Reference>("encoding the reference audio", [&]() -> Result<Reference> {
    const c10::InferenceMode inference;
    reference.codes = EncodeFrames(*models.codec, reference.audio, models.language_model.device(), frames);
    return std::move(reference);
  });
}

Result<Heard> Hear(const harness::pipeline::Models& models, const Reference& like, int64_t frames, int64_t window) {
  Heard heard;
  HARNESS_ASSIGN_OR_RETURN(heard.reference, ReadReference(models, like, frames, window));
  if (window > 0 && !heard.reference.codes.defined()) return heard;
  if (heard.reference.codes.size(1) < kFewestFrames) {
    return Error{harness::ErrorCode::kMismatch,
                 fmt::format("reference_audio gives {} frames, and at least {} are needed",
                             heard.reference.codes.size(1), kFewestFrames),
                 "Name a longer file in the profile"};
  }
  HARNESS_ASSIGN_OR_RETURN(
      heard.scores.likelihood,
      harness::generate::MeasureLikelihood(models.language_model, heard.reference.conditions, heard.reference.codes));
  return harness::generate::CatchTorch<Heard>("decoding the reference audio", [&]() -> Result<Heard> {
    const c10::InferenceMode inference;
    heard.scores.round_trip =
        MeasureRoundTrip(*models.codec, heard.reference.audio, heard.reference.codes, models.language_model.device());
    return std::move(heard);
  });
}

// `file`, as far as it takes to tell that the model predicts it.
Result<Heard> HearUntilClear(const Context& context, const harness::pipeline::Models& models,
                             const std::optional<std::filesystem::path>& file, const BelongingBudget& budget) {
  const LmSpec& spec = models.language_model.spec();
  Reference reference{
      file ? "reference_audio" : "the built-in clip of music", file, std::make_shared<at::Tensor>(), {}, {}, {}};
  HARNESS_ASSIGN_OR_RETURN(reference.conditions, EncodeDescription(models, std::nullopt));
  HARNESS_ASSIGN_OR_RETURN(Heard heard, Hear(models, reference, budget.frames, 0));
  AppendBelowChance(context, spec, heard.scores.likelihood, heard.below_chance);
  for (int64_t window = 1; window < budget.windows && context.profile().expect_trained; ++window) {
    if (TestFrames(heard.below_chance).p < kSignificance) break;
    HARNESS_ASSIGN_OR_RETURN(auto more, HearWindow(models, heard, window));
    if (!more) break;
    AppendBelowChance(context, spec, more->scores.likelihood, heard.below_chance);
    heard.further.push_back(*std::move(more));
  }
  return heard;
}

// The user's audio, if any, and the clip of the suite.
Result<std::vector<Heard>> HearAll(const Context& context, const harness::pipeline::Models& models,
                                   const BelongingBudget& budget) {
  std::vector<Heard> all;
  if (const auto& file = context.profile().reference_audio) {
    HARNESS_ASSIGN_OR_RETURN(Heard heard, HearUntilClear(context, models, ResolveInput(*file), budget));
    all.push_back(std::move(heard));
  }
  HARNESS_ASSIGN_OR_RETURN(Heard heard, HearUntilClear(context, models, std::nullopt, budget));
  all.push_back(std::move(heard));
  return all;
}

// The first clip that the model predicts: no model predicts every kind of sound, and one that fits nothing, none.
const Heard& ChooseHeard(const std::vector<Heard>& all) {
  for (const Heard& heard : all) {
    if (TestFrames(heard.below_chance).p < kSignificance) return heard;
  }
  return all.front();
}

// The same for the codec: NaN, as a silent decoder gives it, is no correlation.
const Heard& ChooseRoundTrip(const std::vector<Heard>& all) {
  const Heard* best = &all.front();
  for (const Heard& heard : all) {
    if (heard.scores.round_trip.band_correlation > best->scores.round_trip.band_correlation) best = &heard;
  }
  return *best;
}

}  // namespace

Result<std::optional<Heard>> HearWindow(const harness::pipeline::Models& models, const Heard& judged, int64_t window) {
  HARNESS_ASSIGN_OR_RETURN(Heard heard, Hear(models, judged.reference, judged.reference.codes.size(1), window));
  if (!heard.reference.codes.defined()) return std::optional<Heard>();
  return std::optional<Heard>(std::move(heard));
}

void MeasureBelonging(Context& context, const harness::pipeline::Models& models, GenerationRecord& record) {
  const LmSpec& spec = models.language_model.spec();
  const BelongingBudget budget = MakeBudget(context, spec, models.codec->facts().frame_rate_hz, record.device);
  auto start = Clock::now();
  const auto leave = [&](const char* check, ModelProbe probe) {
    const auto now = Clock::now();
    if (!probe.measured.is_null()) probe.measured["seconds"] = std::chrono::duration<double>(now - start).count();
    start = now;
    record.probes[check] = std::move(probe);
  };
  const auto all = HearAll(context, models, budget);
  if (!all.ok()) {
    for (const char* check : {ids::kRoundTrip, ids::kLikelihood, ids::kAlternatives, ids::kConditioning})
      leave(check, MakeFailedProbe(all.error()));
    return;
  }
  const Heard& judged = ChooseHeard(*all);
  leave(ids::kRoundTrip, JudgeRoundTrip(context, ChooseRoundTrip(*all)));
  leave(ids::kLikelihood, JudgeLikelihood(context, spec, *all, judged));
  leave(ids::kAlternatives, ProbeAlternatives(context, models, *all, judged, budget));
  leave(ids::kConditioning, ProbeConditioning(context, models, judged.reference));
}

}  // namespace conformance
