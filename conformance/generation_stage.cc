#include "conformance/generation_stage.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "harness/audio/npy.h"
#include "harness/audio/wav.h"
#include "harness/export/models.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::Sampling;

// As many frames are generated again with the same seed: enough to see a difference, a quarter of the cost.
constexpr int64_t kRepeatedFrames = 25;

// 30 s, the longest that a profile can ask for, at 600 frames a second: four times the fastest codec known. Beyond, the
// numbers of a config would decide how long a run takes.
constexpr int64_t kMaxFrames = 18000;

Sampling SamplingOf(const Profile& profile) {
  Sampling sampling;
  sampling.mode = profile.sampling == "greedy"  ? Sampling::Mode::kGreedy
                  : profile.sampling == "top_p" ? Sampling::Mode::kTopP
                                                : Sampling::Mode::kTopK;
  sampling.top_k = profile.top_k;
  sampling.top_p = profile.top_p;
  sampling.temperature = profile.temperature;
  sampling.cfg_coef = profile.cfg_coef;
  sampling.seed = static_cast<uint64_t>(profile.seed);
  return sampling;
}

// One line that is redrawn, on a terminal only.
harness::GenerationCallbacks Progress(const std::string& what) {
  if (isatty(STDERR_FILENO) == 0) return {};
  return {.progress = [what](int64_t done, int64_t total) {
    std::fprintf(stderr, "\r%s: step %lld of %lld%s", what.c_str(), static_cast<long long>(done),
                 static_cast<long long>(total), done == total ? "\n" : "");
  }};
}

harness::Status WriteArtifacts(const fs::path& output, const harness::GeneratedMusic& music, int sample_rate_hz,
                               GenerationRun& run) {
  std::error_code error;
  fs::create_directories((output / run.tokens).parent_path(), error);
  const at::Tensor codes = music.codes[0].to(at::kInt).contiguous();
  harness::NpyArray<int32_t> array{{codes.size(0), codes.size(1)}, {}};
  array.values.assign(codes.data_ptr<int32_t>(), codes.data_ptr<int32_t>() + codes.numel());
  RETURN_IF_ERROR(harness::WriteNpy(output / run.tokens, array));
  const at::Tensor interleaved = music.audio[0].t().contiguous();  // [N, C]
  harness::Waveform waveform{
      .sample_rate_hz = sample_rate_hz, .channels = static_cast<int>(interleaved.size(1)), .samples = {}};
  waveform.samples.assign(interleaved.data_ptr<float>(), interleaved.data_ptr<float>() + interleaved.numel());
  return harness::WriteWav(output / run.audio, waveform);
}

void GenerateSlot(Context& context, const harness::Models& models, const std::string& device, size_t index,
                  GenerationRun& run) {
  const harness::LmSpec& lm = models.language_model.spec();
  const harness::CodecFacts& codec = models.codec->facts();
  run.status = GenerationRun::Status::kFailed;
  run.num_codebooks = lm.num_codebooks;
  run.cardinality = lm.cardinality;
  run.sample_rate_hz = codec.sample_rate_hz;
  run.channels = codec.channels;
  run.hop_length = codec.hop_length;
  run.frames = static_cast<int64_t>(context.profile().duration_s * codec.frame_rate_hz);
  run.tokens = fmt::format("generation/{}/prompt{}/tokens.npy", device, index);
  run.audio = fmt::format("generation/{}/prompt{}/audio.wav", device, index);
  if (run.frames < 1) {
    run.message = fmt::format("generation.duration_s is {} s: less than one frame at {} Hz",
                              context.profile().duration_s, codec.frame_rate_hz);
    return;
  }
  if (run.frames > kMaxFrames) {
    run.status = GenerationRun::Status::kSkipped;
    run.message = fmt::format(
        "unsupported here: {} s are {} frames at {} Hz (encodec.sample_rate / product of seanet.ratios), "
        "more than the {} that this suite generates",
        context.profile().duration_s, run.frames, codec.frame_rate_hz, kMaxFrames);
    return;
  }
  const Sampling sampling = SamplingOf(context.profile());
  const std::vector<harness::ConditioningInput> samples = {{.description = run.prompt, .melody = {}}};
  const auto music = harness::GenerateMusic(models, samples, run.frames, sampling,
                                            Progress(fmt::format("{} prompt {}", device, index)));
  if (!music.ok()) {
    run.message = music.error().message;
    return;
  }
  run.generate_s = music->generate_s;
  run.decode_s = music->decode_s;
  if (auto status = WriteArtifacts(context.settings().output_dir, *music, static_cast<int>(codec.sample_rate_hz), run);
      !status.ok()) {
    run.message = status.error().message;
    return;
  }
  // A later codebook's frame comes up to its delay later: that much more must be generated for the frames to compare.
  // Where all frames of one codebook come before the next one's, nothing shorter compares.
  const harness::PatternSpec& pattern = lm.pattern;
  const int64_t again_frames =
      pattern.frame_by_frame() ? std::min(run.frames, kRepeatedFrames + pattern.max_delay()) : run.frames;
  run.repeated_frames = again_frames == run.frames ? run.frames : kRepeatedFrames;
  const auto again = harness::GenerateMusic(models, samples, again_frames, sampling);
  if (!again.ok()) {
    run.message = "the second time, with the same seed: " + again.error().message;
    return;
  }
  run.differing_codes =
      (again->codes.narrow(2, 0, run.repeated_frames) != music->codes.narrow(2, 0, run.repeated_frames))
          .sum()
          .item<int64_t>();
  run.status = GenerationRun::Status::kDone;
}

}  // namespace

GenerationRecord GenerateOn(Context& context, const std::string& device) {
  GenerationRecord record;
  record.device = device;
  if (const std::string why = context.WhyNotDevice(device); !why.empty()) {
    record.skipped = true;
    record.problem = why;
    return record;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto models = harness::LoadModels(context.exported(), harness::HubCache(context.settings().hub_root), at::Device(device));
  if (!models.ok()) {
    record.skipped = models.error().code == harness::ErrorCode::kUnsupported;
    record.problem = models.error().message;
    return record;
  }
  const double load_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto& prompts = context.profile().prompts;
  for (size_t i = 0; i < prompts.size() && i < kMaxPrompts; ++i) {
    GenerationRun& run = record.runs[i];
    run.prompt = prompts[i];
    run.load_s = load_s;
    if (run.prompt) {
      run.status = GenerationRun::Status::kSkipped;
      run.message = "generation from text is not built yet";
      continue;
    }
    GenerateSlot(context, *models, device, i, run);
  }
  return record;
}

}  // namespace conformance
