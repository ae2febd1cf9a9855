#include "conformance/stages/generation_stage.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "conformance/framework/check_ids.h"
#include "conformance/stages/belonging_stage.h"
#include "conformance/stages/case_input.h"
#include "conformance/stages/continuation.h"
#include "conformance/stages/model_probes.h"
#include "conformance/stages/music_artifacts.h"
#include "conformance/stages/stage_device.h"
#include "conformance/stages/step_times.h"
#include "harness/audio/npy.h"
#include "harness/pipeline/models.h"
#include "harness/pipeline/music.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::generate::Sampling;

// As many frames are generated again with the same seed: enough to see a difference, a quarter of the cost.
constexpr int64_t kRepeatedFrames = 25;

// Five minutes, the longest that a profile can ask for, at 60 frames a second. Beyond, the numbers of a config would
// decide how long a run takes.
constexpr int64_t kMaxFrames = 18000;

Sampling MakeSampling(const Profile& profile) {
  Sampling sampling;
  sampling.mode = profile.sampling == "greedy"  ? Sampling::Mode::kGreedy
                  : profile.sampling == "top_p" ? Sampling::Mode::kTopP
                                                : Sampling::Mode::kTopK;
  sampling.top_k = profile.top_k;
  sampling.top_p = profile.top_p;
  sampling.temperature = profile.temperature;
  sampling.cfg_coef = profile.cfg_coef;
  sampling.two_step_cfg = profile.two_step_cfg;
  sampling.seed = static_cast<uint64_t>(profile.seed);
  return sampling;
}

// No memory, no room on the disk: the run fails, and nothing is said of the export.
void BlameMachine(Context& context, GenerationRun& run) {
  run.status = GenerationRun::Status::kSkipped;
  run.reason = reason::kRunFailed;
  context.FailRun(run.message);
}

// How many frames are generated again, and how many of them must then be alike.
struct Repeat {
  int64_t frames, compared;
};

Repeat ChooseRepeat(const harness::architecture::PatternSpec& pattern, int64_t frames) {
  // Where all frames of one codebook come before the next one's, nothing shorter compares.
  if (!pattern.frame_by_frame()) return {frames, frames};
  // A later codebook's frame comes up to its delay later: that much more must be generated for the frames to compare.
  const int64_t again = kRepeatedFrames + pattern.max_delay();
  return again >= frames ? Repeat{frames, frames} : Repeat{again, kRepeatedFrames};
}

void GenerateCase(Context& context, const harness::pipeline::Models& models,
                  const harness::generate::DeviceFacts& device, const GenerationCase& of,
                  const harness::model::ConditioningInput& sample, GenerationRun& run) {
  const harness::architecture::LmSpec& lm = models.language_model.spec();
  const harness::architecture::CodecFacts& codec = models.codec->facts();
  run.status = GenerationRun::Status::kFailed;
  run.num_codebooks = lm.num_codebooks;
  run.cardinality = lm.cardinality;
  run.sample_rate_hz = codec.sample_rate_hz;
  run.channels = codec.channels;
  run.frames = static_cast<int64_t>(context.profile().duration_s * codec.frame_rate_hz);
  run.samples = codec.Samples(run.frames);
  run.tokens = fmt::format("generation/{}/tokens.npy", of.Path());
  run.audio = fmt::format("generation/{}/audio.wav", of.Path());
  if (run.frames < 1) {
    run.message = fmt::format("generation.duration_s of the profile is {} s, less than one frame at {} Hz",
                              context.profile().duration_s, codec.frame_rate_hz);
    run.remedy = "Set a longer duration_s";
    return;
  }
  if (run.frames > kMaxFrames) {
    run.status = GenerationRun::Status::kUnsupported;
    run.message = fmt::format(
        "compression_state_dict.bin: {} s are {} frames at {} Hz (encodec.sample_rate / product of seanet.ratios), more "
        "than the {} that this suite generates",
        context.profile().duration_s, run.frames, codec.frame_rate_hz, kMaxFrames);
    run.remedy = "Set a shorter generation.duration_s in the profile";
    return;
  }
  const Sampling sampling = MakeSampling(context.profile());
  StepTimes times;
  harness::pipeline::MusicRequest request{
      .samples = {sample},
      .length = {.duration_s = context.profile().duration_s, .max_duration_s = lm.segment_duration_s}};
  const auto music = harness::pipeline::GenerateMusic(models, request, sampling, times.Watch(ShowProgress(of.Path())));
  if (!music.ok()) {
    // An input that can't be encoded here (texts through spaCy, a style): the export is not to blame.
    if (music.error().code == harness::ErrorCode::kUnsupported) {
      run.status = GenerationRun::Status::kSkipped;
      run.reason = reason::kUnsupported;
    }
    run.message = music.error().message;
    run.remedy = music.error().remedy;
    if (music.error().code == harness::ErrorCode::kMachine) BlameMachine(context, run);
    return;
  }
  run.first_code_s = times.first_s();
  run.step_s = times.step_s();
  run.generate_s = music->generate_s;
  run.decode_s = music->decode_s;
  run.memory_peak_bytes = ReadMemoryPeakBytes(device, *music);
  if (auto status = WriteMusic(context.settings().output_dir, run.tokens, run.audio, *music, codec.sample_rate_hz);
      !status.ok()) {
    run.message = status.error().message;
    run.remedy = status.error().remedy;
    return BlameMachine(context, run);
  }
  const Repeat repeat = ChooseRepeat(lm.pattern, run.frames);
  run.repeated_frames = repeat.compared;
  request.length.most_frames = repeat.frames;
  const auto again = harness::pipeline::GenerateMusicCodes(models, request, sampling);
  if (!again.ok()) {
    run.message = "the second time, with the same seed: " + again.error().message;
    run.remedy = again.error().remedy;
    if (again.error().code == harness::ErrorCode::kMachine) BlameMachine(context, run);
    return;
  }
  run.differing_codes = (again->narrow(2, 0, run.repeated_frames) != music->codes.narrow(2, 0, run.repeated_frames))
                            .sum()
                            .item<int64_t>();
  run.status = GenerationRun::Status::kDone;
}

// The run that the codes of the reference are compared with: short, greedy, with the lead of each code's logit.
void GenerateGreedy(Context& context, const harness::pipeline::Models& models, GreedyRun& greedy) {
  constexpr double kDurationS = 0.5;
  const double frame_rate_hz = models.codec->facts().frame_rate_hz;
  const auto frames = static_cast<int64_t>(kDurationS * frame_rate_hz);
  if (frames < 1 || frames > kMaxFrames) {
    greedy.problem = fmt::format("{} s at {} frames a second are not a run to compare", kDurationS, frame_rate_hz);
    return;
  }
  greedy.duration_s = kDurationS;
  greedy.cfg_coef = context.profile().cfg_coef;
  greedy.prompt = FindEncodableText(models, context.profile());
  Sampling sampling;
  sampling.mode = Sampling::Mode::kGreedy;
  sampling.cfg_coef = greedy.cfg_coef;
  at::Tensor gaps = at::zeros({models.language_model.spec().num_codebooks, frames});
  harness::generate::GenerationCallbacks callbacks = ShowProgress("to compare with audiocraft");
  callbacks.logits = [&gaps](const at::Tensor& logits, const std::vector<harness::model::Coordinate>& step) {
    const at::Tensor best = std::get<0>(logits[0].topk(2, -1));
    for (const harness::model::Coordinate& at : step) {
      gaps[at.codebook][at.frame] = best[at.codebook][0] - best[at.codebook][1];
    }
  };
  const harness::pipeline::MusicRequest request{.samples = {{.description = greedy.prompt, .melody = {}}},
                                                .length = harness::pipeline::MusicLength::Frames(frames)};
  const auto codes = harness::pipeline::GenerateMusicCodes(models, request, sampling, callbacks);
  if (!codes.ok()) {
    greedy.problem = codes.error().message;
    return;
  }
  greedy.tokens = "generation/cpu/greedy/tokens.npy";
  greedy.gaps = "generation/cpu/greedy/gaps.npy";
  const fs::path& output = context.settings().output_dir;
  std::error_code error;
  fs::create_directories((output / greedy.tokens).parent_path(), error);
  harness::audio::NpyArray<float> lead{{gaps.size(0), gaps.size(1)}, {}};
  lead.values.assign(gaps.data_ptr<float>(), gaps.data_ptr<float>() + gaps.numel());
  const auto tokens = WriteCodes(output / greedy.tokens, (*codes)[0]);
  const auto written = harness::audio::WriteNpy(output / greedy.gaps, lead);
  greedy.problem = !tokens.ok() ? tokens.error().message : !written.ok() ? written.error().message : "";
  if (!greedy.problem.empty()) context.FailRun(greedy.problem);
}

}  // namespace

GenerationRecord GenerateOn(Context& context, const std::string& device) {
  GenerationRecord record;
  record.device = device;
  const auto opened = OpenForRun(context, device, record);
  if (!opened) return record;
  const auto start = std::chrono::steady_clock::now();
  const auto models =
      harness::pipeline::LoadModels(context.exported(), harness::model::PlaceAsReference(opened->device));
  if (!models.ok()) {
    const bool machine = models.error().code == harness::ErrorCode::kMachine;
    record.skipped = machine || models.error().code == harness::ErrorCode::kUnsupported;
    record.reason = machine ? reason::kRunFailed : reason::kUnsupported;
    record.problem = models.error().message;
    record.remedy = models.error().remedy;
    if (machine) context.FailRun(record.problem);
    return record;
  }
  const double load_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const GenerationRun* first = nullptr;
  for (const GenerationCase& of : context.plan().cases) {
    if (of.device != device) continue;
    GenerationRun& run = record.runs[of.Run()];
    if (first == nullptr) first = &run;
    run.load_s = load_s;
    auto sample = MakeInput(context, *models, of, run);
    if (sample) GenerateCase(context, *models, *opened, of, *sample, run);
  }
  if (first == nullptr) return record;
  RunProbes(context, *models, *first, record);
  if (device == context.plan().devices.front()) {
    MeasureBelonging(context, *models, record);
    record.probes[ids::kContinuation] = ProbeContinuation(context, *models, record.device);
  }
  if (device == "cpu" && context.plan().production_loader) GenerateGreedy(context, *models, record.greedy);
  return record;
}

}  // namespace conformance
