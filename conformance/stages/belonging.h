// What the checks of belonging share: the audio that the models are asked about, and how frames are tested.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conformance/framework/context.h"
#include "conformance/framework/generation_record.h"
#include "harness/audio/round_trip.h"
#include "harness/generate/likelihood.h"
#include "harness/generate/paired.h"
#include "harness/pipeline/models.h"

namespace conformance {

// Of the means of blocks: one false alarm in a thousand exports, all alternatives together.
inline constexpr double kSignificance = 1e-3;

struct Reference {
  std::string name;                           // "reference_audio", "the built-in clip of music"
  std::optional<std::filesystem::path> file;  // none: the clip of the suite
  std::shared_ptr<at::Tensor> read;           // from its start, as far as it was needed: its windows share it
  at::Tensor audio;                           // float32 [1, C, N] on the CPU: T frames of the codec, and one more
  at::Tensor codes;                           // int64 [K, T] on the CPU: what the codec makes of it
  harness::model::LmConditions conditions;    // none
};

// What the models make of it.
struct ModelScores {
  harness::generate::Likelihood likelihood;
  harness::audio::RoundTrip round_trip;
};

struct Heard {
  Reference reference;
  ModelScores scores;
  // A frame: how far below chance, less the margin of the limit, the model predicts it. Of further windows as well,
  // where the first does not decide.
  std::vector<double> below_chance;
  std::vector<Heard> further;  // those windows, in order
};

// See Note [Work of the belonging checks].
struct BelongingBudget {
  int64_t frames = 0;   // that are scored
  int64_t first = 0;    // of these, what an alternative is tried on
  int64_t windows = 1;  // of as many frames each, over which one is scored that looks better so far
  double work = 0;      // of the alternatives together: multiplications
};

double ComputeChance(const harness::architecture::LmSpec& spec);

// Multiplications of one pass over `frames` frames of codes, and of what encodes them.
double CountLmWork(const harness::architecture::LmSpec& spec, int64_t frames);
double CountEncoderWork(const harness::architecture::CodecSpec& spec, int64_t frames);

// What the conditioners make of one text, or of none. Errors: as ConditionProvider::Encode.
harness::Result<harness::model::LmConditions> EncodeDescription(const harness::pipeline::Models& models,
                                                                const std::optional<std::string>& text);

// [K, T] int64 of the codec on the CPU.
at::Tensor EncodeFrames(const harness::model::CompressionModel& codec, const at::Tensor& audio, at::Device device,
                        int64_t frames);
// Of `codes`, decoded. Throws what LibTorch throws.
harness::audio::RoundTrip MeasureRoundTrip(const harness::model::CompressionModel& codec, const at::Tensor& audio,
                                           const at::Tensor& codes, at::Device device);

// values, valid: [K, T]. Of each frame, the mean over the codebooks that are valid.
void AppendFrames(const at::Tensor& values, const at::Tensor& valid, std::vector<double>& frames);
// That their mean is above zero.
harness::generate::BlockTest TestFrames(const std::vector<double>& frames);
// The frames of `found`, as Heard::below_chance has them.
void AppendBelowChance(const Context& context, const harness::architecture::LmSpec& spec,
                       const harness::generate::Likelihood& found, std::vector<double>& frames);

// One that ran, and found nothing yet.
ModelProbe MakeProbe();
ModelProbe MakeNotRun(std::string code, std::string why, std::string remedy);

// The clip of `judged`, `window` times its length further on; nothing where it has ended.
harness::Result<std::optional<Heard>> HearWindow(const harness::pipeline::Models& models, const Heard& judged,
                                                 int64_t window);

// Each leaves one check's probe.
// `all`: every clip that was scored, `judged` among them; a codebook must be worse than chance in each.
ModelProbe JudgeLikelihood(const Context& context, const harness::architecture::LmSpec& spec,
                           const std::vector<Heard>& all, const Heard& judged);
ModelProbe JudgeRoundTrip(const Context& context, const Heard& judged);
ModelProbe ProbeAlternatives(Context& context, const harness::pipeline::Models& models, const std::vector<Heard>& all,
                             const Heard& judged, const BelongingBudget& budget);
ModelProbe ProbeConditioning(const Context& context, const harness::pipeline::Models& models,
                             const Reference& reference);

}  // namespace conformance
