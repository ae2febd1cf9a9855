#include "harness/pipeline/reference_audio.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/audio/reference_clip.h"
#include "harness/audio/wav.h"
#include "harness/generate/catch_torch.h"
#include "harness/model/resample.h"

namespace harness::pipeline {
namespace {

Result<at::Tensor> Convert(const audio::Waveform& wav, const architecture::CodecFacts& codec) {
  return generate::CatchTorch<at::Tensor>("converting the reference audio", [&]() -> Result<at::Tensor> {
    const at::Tensor audio = at::tensor(at::ArrayRef<float>(wav.samples)).view({-1, wav.channels}).t().contiguous();
    HARNESS_ASSIGN_OR_RETURN(
        const at::Tensor converted,
        model::ConvertAudio(audio, wav.sample_rate_hz, static_cast<double>(codec.sample_rate_hz), codec.channels));
    return converted.unsqueeze(0).contiguous();
  });
}

Result<audio::Waveform> ReadStart(const std::filesystem::path& file, double seconds) {
  HARNESS_ASSIGN_OR_RETURN(audio::Waveform wav, audio::ReadWav(file));
  const double wanted = std::floor(seconds * wav.sample_rate_hz) * wav.channels;
  if (wanted < static_cast<double>(wav.samples.size())) wav.samples.resize(static_cast<size_t>(std::fmax(wanted, 0)));
  if (!std::all_of(wav.samples.begin(), wav.samples.end(), [](float sample) { return std::isfinite(sample); })) {
    return Error{ErrorCode::kCorrupt, file.string() + ": has samples that are not finite"};
  }
  if (std::all_of(wav.samples.begin(), wav.samples.end(), [](float sample) { return sample == 0; })) {
    return Error{
        ErrorCode::kMismatch,
        fmt::format("{}: is silent in its first {:.3g} s, in which a model can't be judged", file.string(), seconds),
        "Give it music like that with which the model was trained"};
  }
  return wav;
}

}  // namespace

Result<at::Tensor> ReadReferenceAudio(const std::optional<std::filesystem::path>& file,
                                      const architecture::CodecFacts& codec, double seconds) {
  if (!file) {
    HARNESS_ASSIGN_OR_RETURN(const audio::Waveform clip,
                             audio::MakeReferenceClip(codec.sample_rate_hz, codec.channels == 2 ? 2 : 1, seconds));
    return Convert(clip, codec);
  }
  HARNESS_ASSIGN_OR_RETURN(const audio::Waveform wav, ReadStart(*file, seconds));
  const auto audio = Convert(wav, codec);
  if (!audio.ok()) return audio.error().In(file->string());
  if (audio->size(-1) < 2 * codec.hop_length) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("{}: is too short: {} samples at {} Hz, expected at least {}, two frames of the codec",
                             file->string(), audio->size(-1), codec.sample_rate_hz, 2 * codec.hop_length),
                 "Give it some seconds of music like that with which the model was trained"};
  }
  return audio;
}

}  // namespace harness::pipeline
