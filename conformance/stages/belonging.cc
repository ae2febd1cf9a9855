#include "conformance/stages/belonging.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "conformance/stages/music_artifacts.h"
#include "harness/generate/catch_torch.h"
#include "harness/model/pattern.h"

namespace conformance {
namespace {

using harness::architecture::LmSpec;
using harness::generate::Likelihood;

// A note of the clip is 14 frames long at 50 frames a second; blocks of 10 are nearly independent.
constexpr int64_t kFramesPerBlock = 10;

std::vector<double> ToVector(const at::Tensor& values) {
  const at::Tensor doubles = values.to(at::kDouble).contiguous();
  return {doubles.data_ptr<double>(), doubles.data_ptr<double>() + doubles.numel()};
}

// Codebooks that the model predicts worse than somebody who knows nothing, whatever its temperature.
std::vector<int64_t> FindWorseThanChance(const Context& context, const LmSpec& spec, const Likelihood& found) {
  const double most = ComputeChance(spec) + context.GetLimit("belonging.min_below_chance");
  std::vector<int64_t> worse;
  for (int64_t k = 0; k < spec.num_codebooks; ++k) {
    const auto above = [&](const at::Tensor& nats) {
      std::vector<double> frames;
      AppendFrames(nats.narrow(0, k, 1) - most, found.valid.narrow(0, k, 1), frames);
      return TestFrames(frames).p * static_cast<double>(spec.num_codebooks) < kSignificance;
    };
    if (above(found.nats) && above(found.tempered)) worse.push_back(k);
  }
  return worse;
}

}  // namespace

double ComputeChance(const LmSpec& spec) { return std::log(static_cast<double>(spec.cardinality)); }

double CountLmWork(const LmSpec& spec, int64_t frames) {
  double parameters = 0;
  for (const harness::architecture::TensorSpec& tensor : ListLmTensors(spec)) {
    if (tensor.group == "conditioners" || tensor.group == "embeddings") continue;
    double size = 1;
    for (const int64_t dimension : tensor.shape) size *= static_cast<double>(dimension);
    parameters += size;
  }
  const auto pattern = harness::model::Pattern::Create(spec.pattern, spec.num_codebooks, frames);
  return parameters * static_cast<double>(pattern.ok() ? pattern->num_steps() : frames);
}

double CountEncoderWork(const harness::architecture::CodecSpec& spec, int64_t frames) {
  return spec.encoder.multiplications_per_frame() * static_cast<double>(frames);
}

harness::Result<harness::model::LmConditions> EncodeDescription(const harness::pipeline::Models& models,
                                                                const std::optional<std::string>& text) {
  using harness::model::LmConditions;
  return harness::generate::CatchTorch<LmConditions>("encoding a prompt", [&]() -> harness::Result<LmConditions> {
    const c10::InferenceMode inference;
    harness::model::ConditioningInput sample;
    sample.description = text;
    HARNESS_ASSIGN_OR_RETURN(harness::model::GuidedConditions both,
                             models.conditions.Encode({sample}, /*together=*/true));
    return std::move(both.positive);
  });
}

at::Tensor EncodeFrames(const harness::model::CompressionModel& codec, const at::Tensor& audio, at::Device device,
                        int64_t frames) {
  const at::Tensor codes = codec.Encode(audio.to(device)).cpu()[0];
  return codes.narrow(1, 0, std::min(frames, codes.size(1))).contiguous();
}

harness::audio::RoundTrip MeasureRoundTrip(const harness::model::CompressionModel& codec, const at::Tensor& audio,
                                           const at::Tensor& codes, at::Device device) {
  const int64_t rate = codec.facts().sample_rate_hz;
  const at::Tensor decoded = codec.Decode(codes.unsqueeze(0).to(device)).cpu();
  return harness::audio::CompareRoundTrip(ToWaveform(audio[0], rate), ToWaveform(decoded[0], rate));
}

void AppendFrames(const at::Tensor& values, const at::Tensor& valid, std::vector<double>& frames) {
  const at::Tensor sums = (values * valid.to(at::kDouble)).sum(0), counts = valid.sum(0);
  for (int64_t t = 0; t < values.size(1); ++t) {
    if (const auto count = counts[t].item<int64_t>(); count > 0)
      frames.push_back(sums[t].item<double>() / static_cast<double>(count));
  }
}

harness::generate::BlockTest TestFrames(const std::vector<double>& frames) {
  return harness::generate::TestAboveZero(frames, kFramesPerBlock);
}

void AppendBelowChance(const Context& context, const LmSpec& spec, const Likelihood& found,
                       std::vector<double>& frames) {
  const double least = ComputeChance(spec) - context.GetLimit("belonging.min_below_chance");
  AppendFrames(least - found.nats, found.valid, frames);
}

ModelProbe MakeProbe() {
  ModelProbe probe;
  probe.not_run.clear();
  probe.reason.clear();
  probe.passed = true;
  return probe;
}

ModelProbe MakeNotRun(std::string code, std::string why, std::string remedy) {
  ModelProbe probe;
  probe.not_run = std::move(why);
  probe.reason = std::move(code);
  probe.remedy = std::move(remedy);
  return probe;
}

ModelProbe JudgeLikelihood(const Context& context, const LmSpec& spec, const std::vector<Heard>& all,
                           const Heard& judged) {
  ModelProbe probe = MakeProbe();
  const Likelihood& found = judged.scores.likelihood;
  const double chance = ComputeChance(spec), mean = found.mean();
  std::vector<int64_t> worse = FindWorseThanChance(context, spec, found);
  for (const Heard& other : all) {
    const std::vector<int64_t> also = FindWorseThanChance(context, spec, other.scores.likelihood);
    std::erase_if(worse, [&](int64_t k) { return std::find(also.begin(), also.end(), k) == also.end(); });
  }
  const auto below = TestFrames(judged.below_chance);
  const bool trained = below.p < kSignificance;
  probe.measured = {{"clip", judged.reference.name},
                    {"nats", mean},
                    {"nats_by_codebook", ToVector(found.codebook_means())},
                    {"margin", chance - mean},
                    {"standard_error", below.standard_error},
                    {"tempered_nats", found.tempered.sum().item<double>() / found.valid.sum().item<double>()},
                    {"temperature", found.temperature},
                    {"frames", judged.below_chance.size()},
                    {"codebooks_worse_than_chance", worse}};
  probe.limit = {{"nats", chance - context.GetLimit("belonging.min_below_chance")}, {"chance", chance}};
  if (!context.profile().expect_trained || (trained && worse.empty())) return probe;
  probe.passed = false;
  const std::string figures =
      fmt::format("{:.2f} nats a code (by codebook {:.2f}), where chance is ln {} = {:.2f} (transformer_lm.card)", mean,
                  fmt::join(ToVector(found.codebook_means()), ", "), spec.cardinality, chance);
  if (!trained) {
    probe.message = fmt::format(
        "state_dict.bin: the model predicts the codes of {} no better than chance: {}. Weights, config and codec do not "
        "belong together, or the model is not trained: it generates noise",
        judged.reference.name, figures);
  } else {
    probe.message = fmt::format(
        "state_dict.bin: the model predicts codebook {} of {} worse than chance: {}. These codebooks of the codec, or their "
        "emb and linears, are of another model",
        fmt::join(worse, ", "), judged.reference.name, figures);
  }
  probe.remedy =
      "Export the codec that the model was trained with, and the config and weights of one checkpoint. For a model that "
      "never saw music, name a WAV of its own kind in reference_audio of the profile; for one that is not trained, set "
      "expect_trained: false there";
  return probe;
}

ModelProbe JudgeRoundTrip(const Context& context, const Heard& judged) {
  ModelProbe probe = MakeProbe();
  const harness::audio::RoundTrip& trip = judged.scores.round_trip;
  const double least = context.GetLimit("belonging.min_band_correlation");
  probe.measured = {{"clip", judged.reference.name},
                    {"band_correlation", trip.band_correlation},
                    {"band_error_db", trip.band_error_db},
                    {"gain_db", trip.gain_db},
                    {"mean", trip.mean},
                    {"clipped_share", trip.clipped_share},
                    {"wave_correlation", trip.wave_correlation},
                    {"not_finite", trip.not_finite}};
  probe.limit = {{"band_correlation", least}};
  if (!context.profile().expect_trained) return probe;
  if (trip.not_finite > 0) {
    probe.message = fmt::format(
        "compression_state_dict.bin: {} samples are not finite where {} is encoded and decoded, although every weight is "
        "finite: the codec's decoder overflows for codes of real music",
        trip.not_finite, judged.reference.name);
  } else if (!(trip.band_correlation >= least)) {  // NaN: the decoder gives silence
    probe.message = fmt::format(
        "compression_state_dict.bin: what the codec makes of {} has nothing to do with it: the levels of its bands "
        "correlate by {:.2f} (expected at least {:.2f}; another sound's give about 0), at {:+.0f} dB. The weights of the "
        "codec, or its config, are not those of one training: all that the model generates sounds like that",
        judged.reference.name, trip.band_correlation, least, trip.gain_db);
  }
  probe.passed = probe.message.empty();
  if (!probe.passed) {
    probe.remedy =
        "Export the codec again, from the checkpoint that the model was trained with. For a codec that is not trained, "
        "set expect_trained: false in the profile";
  }
  return probe;
}

}  // namespace conformance
