#include "conformance/stages/continuation.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "conformance/stages/model_probes.h"
#include "conformance/stages/music_artifacts.h"
#include "conformance/stages/step_times.h"
#include "harness/audio/token_statistics.h"
#include "harness/pipeline/music.h"
#include "harness/pipeline/reference_audio.h"

namespace conformance {
namespace {

using Clock = std::chrono::steady_clock;

// A second or so is encoded; its beginning is continued, by what shows that the music goes on.
constexpr double kHeardS = 1;
constexpr int64_t kMostHeardFrames = 100, kPromptFrames = 12, kContinuedFrames = 5;

// Of the clip of the suite: a file of the user's may begin with silence.
struct Continued {
  int64_t heard_frames = 0;
  std::vector<harness::audio::CodebookStatistics> heard_codes;
  bool prompt_kept = false, in_range = false, has_length = false;
  int64_t not_finite = 0;  // samples
};

harness::Result<Continued> Continue(Context& context, const harness::pipeline::Models& models,
                                    const std::string& device) {
  const harness::architecture::CodecFacts& codec = models.codec->facts();
  const harness::architecture::LmSpec& lm = models.language_model.spec();
  const double seconds = std::min(kHeardS, static_cast<double>(kMostHeardFrames) / codec.frame_rate_hz);
  HARNESS_ASSIGN_OR_RETURN(const at::Tensor audio, harness::pipeline::ReadReferenceAudio(std::nullopt, codec, seconds));
  HARNESS_ASSIGN_OR_RETURN(const at::Tensor heard, harness::pipeline::EncodePrompt(models, audio));
  Continued found;
  found.heard_frames = heard.size(2);
  const at::Tensor codes = heard[0].to(at::kInt).contiguous();
  HARNESS_ASSIGN_OR_RETURN(found.heard_codes, harness::audio::ComputeTokenStatistics(
                                                  {codes.data_ptr<int32_t>(), static_cast<size_t>(codes.numel())},
                                                  codes.size(0), codes.size(1)));
  const at::Tensor prompt = heard.narrow(2, 0, std::min(heard.size(2), kPromptFrames * codec.steps_per_frame));
  const int64_t frames = prompt.size(2) + kContinuedFrames * codec.steps_per_frame;
  const harness::pipeline::MusicRequest request{
      .samples = std::vector<harness::model::ConditioningInput>(1),
      .length = {.duration_s = lm.segment_duration_s, .max_duration_s = lm.segment_duration_s, .most_frames = frames},
      .prompt = prompt};
  harness::generate::Sampling sampling;
  sampling.top_k = std::min(sampling.top_k, lm.cardinality);
  sampling.seed = static_cast<uint64_t>(context.profile().seed);
  HARNESS_ASSIGN_OR_RETURN(
      const harness::pipeline::GeneratedMusic music,
      harness::pipeline::GenerateMusic(models, request, sampling, ShowProgress("from a prompt of audio")));
  const std::string folder = fmt::format("generation/{}/continuation/", device);
  HARNESS_RETURN_IF_ERROR(WriteMusic(context.settings().output_dir, folder + "tokens.npy", folder + "audio.wav", music,
                                     codec.sample_rate_hz));
  found.prompt_kept = at::equal(music.codes.slice(2, 0, prompt.size(2)), prompt);
  found.in_range = music.codes.size(2) == frames && music.codes.min().item<int64_t>() >= 0 &&
                   music.codes.max().item<int64_t>() < lm.cardinality;
  found.has_length = music.audio.size(1) == codec.channels && music.audio.size(2) == codec.Samples(frames);
  found.not_finite = at::isfinite(music.audio).logical_not().sum().item<int64_t>();
  return found;
}

// One code whatever the music, in every codebook: nothing of the music is left.
bool IsCollapsed(const Continued& found, double most) {
  return std::all_of(found.heard_codes.begin(), found.heard_codes.end(),
                     [most](const auto& codebook) { return codebook.dominant_share > most; });
}

void Judge(const Context& context, const Continued& found, ModelProbe& probe) {
  const double most = context.GetLimit("tokens.max_dominant_share");
  const char* clip = "the built-in clip of music";
  std::vector<double> shares;
  for (const auto& codebook : found.heard_codes) shares.push_back(codebook.dominant_share);
  probe.measured.update({{"heard_frames", found.heard_frames}, {"dominant_share", shares}});
  probe.limit = {{"dominant_share", most}};
  // Random weights may hear nothing, and overflow.
  const bool judges = context.profile().expect_trained;
  if (judges && IsCollapsed(found, most)) {
    std::vector<std::string> codes;
    for (const auto& codebook : found.heard_codes) codes.push_back(std::to_string(codebook.dominant_code));
    probe.message = fmt::format(
        "compression_state_dict.bin: the encoder hears nothing: it gives nearly every frame of {} the same codes ({}, in "
        "{:.0f} % of {} frames or more), although every weight is finite: its activations overflow or vanish. "
        "MusicGen.generate_continuation would go on from these codes, whatever the prompt; generation without a prompt "
        "does not use the encoder",
        clip, fmt::join(codes, ", "), 100 * *std::min_element(shares.begin(), shares.end()), found.heard_frames);
    probe.remedy =
        "Export an earlier checkpoint of the codec, whose encoder is whole: weights of encoder.* far out of range are of "
        "another normalisation (seanet.norm), or were damaged where they were converted";
  } else if (judges && found.not_finite > 0) {
    probe.message = fmt::format(
        "compression_state_dict.bin: {} samples are not finite where {} is encoded, continued and decoded, although every "
        "weight is finite: the codec's decoder overflows for codes of real music",
        found.not_finite, clip);
    probe.remedy = "Export an earlier checkpoint of the codec";
  } else if (!found.prompt_kept || !found.in_range || !found.has_length) {
    probe.message = fmt::format(
        "a continued prompt came out wrong: its codes are{} kept, the codes are{} in range, the "
        "sound has{} its length",
        found.prompt_kept ? "" : " not", found.in_range ? "" : " not", found.has_length ? "" : " not");
    probe.remedy = kReportDefect;
  }
  probe.passed = probe.message.empty();
}

}  // namespace

ModelProbe ProbeContinuation(Context& context, const harness::pipeline::Models& models, const std::string& device) {
  ModelProbe probe;
  if (models.codec->facts().encode_gives_scale) {
    probe.not_run = "MusicGen can't continue audio with this codec: codec_compatibility/channels says why";
    probe.reason = reason::kNothingToJudge;
    return probe;
  }
  const auto start = Clock::now();
  const auto found = Continue(context, models, device);
  if (!found.ok()) {
    if (found.error().code == harness::ErrorCode::kMachine) context.FailRun(found.error().message);
    probe = MakeFailedProbe(found.error());
    if (probe.not_run.empty()) probe.message = "audio can't be continued: " + probe.message;
    return probe;
  }
  probe.not_run.clear();
  probe.measured = {{"seconds", std::chrono::duration<double>(Clock::now() - start).count()}};
  Judge(context, *found, probe);
  return probe;
}

}  // namespace conformance
