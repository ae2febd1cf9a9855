#include "harness/pipeline/music.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "harness/generate/catch_torch.h"
#include "harness/generate/devices.h"

namespace harness::pipeline {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// As Python's int() cuts it; what no memory holds is cut to that.
int64_t Count(double seconds, double rate_hz) {
  constexpr double kMost = 1e15;
  const double count = seconds * rate_hz;
  return count < kMost ? static_cast<int64_t>(count) : static_cast<int64_t>(kMost);
}

// The window of each melody that starts at `start_s`, repeated as often as it takes.
std::vector<model::ConditioningInput> CutMelodies(const std::vector<model::ConditioningInput>& samples, double start_s,
                                                  double window_s) {
  std::vector<model::ConditioningInput> cut = samples;
  for (model::ConditioningInput& sample : cut) {
    if (!sample.melody.defined() || sample.melody.size(1) == 0) continue;
    const auto rate_hz = static_cast<double>(sample.melody_sample_rate_hz);
    const int64_t first = Count(start_s, rate_hz);
    const at::Tensor positions = at::arange(first, first + Count(window_s, rate_hz), at::kLong);
    sample.melody = sample.melody.index_select(1, positions.remainder(sample.melody.size(1)));
  }
  return cut;
}

bool HasMelody(const std::vector<model::ConditioningInput>& samples) {
  return std::any_of(samples.begin(), samples.end(), [](const auto& sample) { return sample.melody.defined(); });
}

Status CheckRequest(const MusicRequest& request, double frame_rate_hz, const at::Tensor& prompt) {
  const MusicLength& length = request.length;
  TORCH_CHECK(prompt.size(0) == static_cast<int64_t>(request.samples.size()), "the prompt has a row a sample");
  const int64_t most = Count(std::min(length.duration_s, length.max_duration_s), frame_rate_hz);
  if (prompt.size(2) > most) {
    return Error{
        ErrorCode::kMismatch,
        fmt::format("a prompt of {} frames is longer than the {} that are generated at once: MusicGen raises an "
                    "AssertionError (\"Prompt is longer than audio to generate\")",
                    prompt.size(2), most)};
  }
  if (length.has_windows() && !(length.extend_stride_s < length.max_duration_s)) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("extend_stride is {} s, dataset.segment_duration {} s: MusicGen raises an AssertionError "
                             "(\"Cannot stride by more than max generation duration.\")",
                             length.extend_stride_s, length.max_duration_s)};
  }
  return {};
}

// See Note [Beyond max_duration].
Result<at::Tensor> GenerateWindows(const Models& models, const MusicRequest& request, at::Tensor prompt,
                                   generate::Sampler& sampler, const generate::GenerationCallbacks& callbacks) {
  const MusicLength& length = request.length;
  const double rate_hz = models.codec->facts().frame_rate_hz;
  const int64_t total = Count(length.duration_s, rate_hz), stride = Count(length.extend_stride_s, rate_hz);
  if (stride < 1) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("extend_stride of {} s is less than a frame at {} Hz: MusicGen would generate without end",
                             length.extend_stride_s, rate_hz)};
  }
  const bool by_window = HasMelody(request.samples);
  model::GuidedConditions conditions;
  std::vector<at::Tensor> parts = {prompt};
  int64_t made = prompt.size(2);
  for (int64_t offset = 0; offset + prompt.size(2) < total && made < length.most_frames; offset += stride) {
    const double start_s = static_cast<double>(offset) / rate_hz;
    const int64_t window = Count(std::min(length.duration_s - start_s, length.max_duration_s), rate_hz);
    if (by_window || offset == 0) {
      HARNESS_ASSIGN_OR_RETURN(conditions,
                               models.conditions.Encode(CutMelodies(request.samples, start_s, length.max_duration_s),
                                                        !sampler.sampling().two_step_cfg));
    }
    const int64_t frames = std::min(window, length.most_frames - offset);
    const auto continued =
        generate::ContinueCodes(models.language_model, conditions, prompt, frames, sampler, callbacks);
    if (!continued.ok()) {
      Error error = continued.error();
      if (frames <= prompt.size(2)) error.remedy = "Choose another duration: its last window is all prompt";
      return error;
    }
    const at::Tensor& codes = *continued;
    parts.push_back(codes.slice(2, prompt.size(2)));
    made += codes.size(2) - prompt.size(2);
    prompt = codes.slice(2, stride);
  }
  return at::cat(parts, 2);
}

}  // namespace

MusicLength MusicLength::Frames(int64_t frames) {
  constexpr double kUnbounded = std::numeric_limits<double>::infinity();
  return {.duration_s = kUnbounded, .max_duration_s = kUnbounded, .most_frames = frames};
}

Result<at::Tensor> EncodePrompt(const Models& models, const at::Tensor& audio) {
  if (models.codec->facts().encode_gives_scale) {
    return Error{ErrorCode::kMismatch,
                 "the codec gives a scale beside the codes, and MusicGen.generate_continuation asserts that there is "
                 "none"};
  }
  return generate::CatchTorch<at::Tensor>("encoding a prompt of audio", [&]() -> Result<at::Tensor> {
    const c10::InferenceMode inference;
    return models.codec->Encode(audio.to(models.language_model.device())).cpu().contiguous();
  });
}

Result<at::Tensor> GenerateMusicCodes(const Models& models, const MusicRequest& request,
                                      const generate::Sampling& sampling,
                                      const generate::GenerationCallbacks& callbacks) {
  return generate::CatchTorch<at::Tensor>("generating", [&]() -> Result<at::Tensor> {
    const c10::InferenceMode inference;
    const auto batch = static_cast<int64_t>(request.samples.size());
    const at::Tensor prompt =
        request.prompt.defined()
            ? request.prompt
            : at::empty({batch, models.language_model.spec().num_codebooks, 0}, at::TensorOptions().dtype(at::kLong));
    const double rate_hz = models.codec->facts().frame_rate_hz;
    HARNESS_RETURN_IF_ERROR(CheckRequest(request, rate_hz, prompt));
    generate::Sampler sampler(sampling, models.language_model.device());
    const MusicLength& length = request.length;
    if (length.has_windows()) return GenerateWindows(models, request, prompt, sampler, callbacks);
    HARNESS_ASSIGN_OR_RETURN(const model::GuidedConditions conditions,
                             models.conditions.Encode(request.samples, !sampling.two_step_cfg));
    return generate::ContinueCodes(models.language_model, conditions, prompt,
                                   std::min(Count(length.duration_s, rate_hz), length.most_frames), sampler, callbacks);
  });
}

Result<GeneratedMusic> GenerateMusic(const Models& models, const MusicRequest& request,
                                     const generate::Sampling& sampling,
                                     const generate::GenerationCallbacks& callbacks) {
  GeneratedMusic music;
  const at::Device device = models.language_model.device();
  generate::ResetPeakMemory(device);
  auto start = Clock::now();
  HARNESS_ASSIGN_OR_RETURN(music.codes, GenerateMusicCodes(models, request, sampling, callbacks));
  music.generate_s = SecondsSince(start);
  start = Clock::now();
  HARNESS_ASSIGN_OR_RETURN(music.audio, generate::CatchTorch<at::Tensor>("decoding", [&]() -> Result<at::Tensor> {
                             const c10::InferenceMode inference;
                             return models.codec->Decode(music.codes.to(device)).cpu().contiguous();
                           }));
  music.decode_s = SecondsSince(start);
  if (const auto peak = generate::PeakMemoryBytes(device); peak.ok()) music.peak_memory_bytes = *peak;
  return music;
}

}  // namespace harness::pipeline
