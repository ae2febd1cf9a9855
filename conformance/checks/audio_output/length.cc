#include <fmt/format.h>

#include "conformance/checks/audio_output/audio_output.h"
#include "harness/audio/wav.h"

namespace conformance {

Outcome CheckLength(Context& context, const GenerationCase& of) {
  const GenerationRun& run = context.GetRun(of);
  const auto audio = harness::audio::ReadWav(context.settings().output_dir / run.audio);
  if (!audio.ok()) return FromStatus(audio.error());
  const int64_t expected = run.samples;
  const nlohmann::json measured = {
      {"samples", audio->frames()}, {"channels", audio->channels}, {"sample_rate_hz", audio->sample_rate_hz}};
  const nlohmann::json limit = {
      {"samples", expected}, {"channels", run.channels}, {"sample_rate_hz", run.sample_rate_hz}};
  if (audio->frames() == expected && audio->channels == run.channels && audio->sample_rate_hz == run.sample_rate_hz) {
    return Pass(measured, limit);
  }
  return Fail(
             fmt::format("{}: has {} samples, {} channels and {} Hz, expected are {} samples (what {} frames decode to "
                         "with the codec's ratios), {} channels and {} Hz",
                         run.audio, audio->frames(), audio->channels, audio->sample_rate_hz, expected, run.frames,
                         run.channels, run.sample_rate_hz),
             measured, limit)
      .WithRemedy(kReportDefect);
}

}  // namespace conformance
