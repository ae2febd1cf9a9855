// Category audio_output: the decoded sound, judged from the WAV and the codes that generation left.
//
// Statistics are NaN where they can't be computed, and every comparison is written so that NaN fails.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "conformance/context.h"
#include "conformance/slots.h"
#include "conformance/suite.h"
#include "harness/audio/npy.h"
#include "harness/audio/signal_statistics.h"
#include "harness/audio/token_statistics.h"
#include "harness/audio/wav.h"

namespace conformance {
namespace {

using harness::SignalMeasures;

const GenerationRun& RunOf(Context& context, const Slot& slot) {
  return context.Generation(slot.device).runs[slot.index];
}

nlohmann::json Number(double value) {
  if (std::isfinite(value)) return value;
  return fmt::format("{}", value);
}

Outcome Length(Context& context, const Slot& slot) {
  const GenerationRun& run = RunOf(context, slot);
  const auto audio = harness::ReadWav(context.settings().output_dir / run.audio);
  if (!audio.ok()) return Fail(audio.error().message);
  const int64_t expected = run.samples;
  const nlohmann::json measured = {
      {"samples", audio->frames()}, {"channels", audio->channels}, {"sample_rate_hz", audio->sample_rate_hz}};
  const nlohmann::json limit = {
      {"samples", expected}, {"channels", run.channels}, {"sample_rate_hz", run.sample_rate_hz}};
  if (audio->frames() == expected && audio->channels == run.channels && audio->sample_rate_hz == run.sample_rate_hz) {
    return Pass(measured, limit);
  }
  return Fail(fmt::format("{}: {} samples, {} channels, {} Hz; expected {} (what {} frames decode to with the "
                          "codec's ratios), {} and {}",
                          run.audio, audio->frames(), audio->channels, audio->sample_rate_hz, expected, run.frames,
                          run.channels, run.sample_rate_hz),
              measured, limit);
}

// Judges one figure of the whole signal.
struct Figure {
  const char* limit;  // its name in the catalogue
  bool at_least;      // the limit is a minimum
  double (*value)(const SignalMeasures&);
  const char* what;  // "is {value}, {at most|at least} {limit}": what the figure is, and what a bad one means
  const char* cause;
};

Outcome JudgeFigure(Context& context, const Slot& slot, const Figure& figure) {
  const auto& sound = context.Sound(RunOf(context, slot).audio);
  if (!sound.ok()) return Fail(sound.error().message);
  const double value = figure.value(*sound);
  const double limit = context.LimitOf(figure.limit);
  if (figure.at_least ? value >= limit : value <= limit) return Pass(Number(value), limit);
  return Fail(fmt::format("{} ({}): {} is {:.4g}, allowed is {} {:.4g} ({}). {}", RunOf(context, slot).audio,
                          PromptText(RunOf(context, slot)), figure.what, value,
                          figure.at_least ? "at least" : "at most", limit, figure.limit, figure.cause),
              Number(value), limit);
}

Outcome Finite(Context& context, const Slot& slot) {
  const auto& sound = context.Sound(RunOf(context, slot).audio);
  if (!sound.ok()) return Fail(sound.error().message);
  const SignalMeasures& overall = *sound;
  if (overall.nan == 0 && overall.infinite == 0) return Pass({{"not_finite", 0}}, {{"not_finite", 0}});
  return Fail(
      fmt::format("{} ({}): {} NaN and {} infinite of {} samples, although every weight is finite: the codec's decoder "
                  "overflows. Its weights are far out of range, or of another normalisation",
                  RunOf(context, slot).audio, PromptText(RunOf(context, slot)), overall.nan, overall.infinite,
                  overall.samples),
      {{"not_finite", overall.nan + overall.infinite}}, {{"not_finite", 0}});
}

double OffsetRatio(const SignalMeasures& m) { return m.rms == 0 ? 0 : std::abs(m.mean) / m.rms; }

constexpr Figure kLevel = {"audio.min_rms", true, [](const SignalMeasures& m) { return m.rms; },
                           "the level (rms, full scale 1)",
                           "The decoder can only be silent: its last layers or the codebooks are near zero"};
constexpr Figure kOffset = {"audio.max_offset_ratio", false, OffsetRatio, "the constant part (|mean| / rms)",
                            "The output hangs at a constant: a bias of the decoder's last layer outweighs the signal"};
constexpr Figure kClipping = {"audio.max_clipped_share", false, [](const SignalMeasures& m) { return m.clipped_share; },
                              "the share of samples beyond full scale",
                              "The decoder's gain is far too high: it plays as noise"};

Outcome Stuck(Context& context, const Slot& slot) {
  static constexpr Figure kRun = {"audio.max_constant_s", false,
                                  [](const SignalMeasures& m) { return m.longest_constant_run_s; },
                                  "the longest stretch of one value, in seconds,", "The decoder gives no signal there"};
  static constexpr Figure kRepeat = {"audio.max_repeated_share", false,
                                     [](const SignalMeasures& m) { return m.repeated_share; },
                                     "the share of 50 ms windows that repeat an earlier one",
                                     "The model is stuck in a loop: it draws the same codes again and again"};
  Outcome run = JudgeFigure(context, slot, kRun);
  if (run.status != harness::CheckStatus::kPass) return run;
  Outcome repeat = JudgeFigure(context, slot, kRepeat);
  if (repeat.status != harness::CheckStatus::kPass) return repeat;
  return Pass({{"constant_s", run.measured}, {"repeated_share", repeat.measured}},
              {{"constant_s", run.limit}, {"repeated_share", repeat.limit}});
}

Outcome Codebooks(Context& context, const Slot& slot) {
  const GenerationRun& run = RunOf(context, slot);
  const auto codes = harness::ReadNpy<int32_t>(context.settings().output_dir / run.tokens);
  if (!codes.ok()) return Fail(codes.error().message);
  const auto statistics =
      harness::ComputeTokenStatistics(codes->values, run.num_codebooks, run.frames, run.cardinality);
  if (!statistics.ok()) return Fail(statistics.error().message);
  const double max_share = context.LimitOf("tokens.max_dominant_share");
  const double max_run = context.LimitOf("tokens.max_run_share");
  std::vector<std::string> collapsed;
  nlohmann::json measured = nlohmann::json::array();
  for (size_t k = 0; k < statistics->codebooks.size(); ++k) {
    const auto& codebook = statistics->codebooks[k];
    const double run_share = static_cast<double>(codebook.longest_run_frames) / static_cast<double>(run.frames);
    measured.push_back({{"distinct", codebook.distinct},
                        {"entropy_bits", Number(codebook.entropy_bits)},
                        {"dominant_share", codebook.dominant_share},
                        {"run_share", run_share}});
    if (codebook.dominant_share <= max_share && run_share <= max_run) continue;
    collapsed.push_back(fmt::format("codebook {} (code {} in {:.0f} % of the frames, {} distinct)", k,
                                    codebook.dominant_code, 100 * codebook.dominant_share, codebook.distinct));
  }
  const nlohmann::json limit = {{"dominant_share", max_share}, {"run_share", max_run}};
  if (collapsed.empty()) return Pass(std::move(measured), limit);
  return Fail(
      fmt::format(
          "{} ({}): collapsed: {}. The head of that codebook (state_dict.bin: linears.N) draws one code whatever "
          "the music: its weights are damaged, or it was not trained",
          run.tokens, PromptText(run), fmt::join(collapsed, ", ")),
      std::move(measured), limit);
}

}  // namespace

std::vector<Check> AudioOutputChecks() {
  std::vector<Check> checks;
  for (const Slot& slot : AllSlots()) {
    const std::string prefix = "audio_output/" + slot.Path() + "/";
    const std::string codes = "generation/" + slot.Path() + "/codes";
    const auto add = [&](const char* slug, const char* name, std::vector<std::string> needs,
                         Outcome (*run)(Context&, const Slot&)) {
      checks.push_back(
          {prefix + slug, slot.Camel() + name, std::move(needs), [run, slot](Context& c) { return run(c, slot); }});
    };
    // Each waits for what would explain it: codes that collapse make a loop, silence has an offset and no level.
    add("length", "Length", {codes}, Length);
    add("finite", "Finite", {codes}, Finite);
    add("codebooks", "Codebooks", {codes}, Codebooks);
    add("level", "Level", {prefix + "finite"}, [](Context& c, const Slot& s) { return JudgeFigure(c, s, kLevel); });
    add("clipping", "Clipping", {prefix + "finite"},
        [](Context& c, const Slot& s) { return JudgeFigure(c, s, kClipping); });
    add("offset", "Offset", {prefix + "level"}, [](Context& c, const Slot& s) { return JudgeFigure(c, s, kOffset); });
    add("stuck", "Stuck", {prefix + "level", prefix + "codebooks"}, Stuck);
  }
  return checks;
}

DEFINE_SUITE(AudioOutput, AudioOutputChecks());

}  // namespace conformance
