#include <fmt/format.h>

#include "conformance/checks/audio_output/audio_output.h"

namespace conformance {

using harness::audio::SignalMeasures;

Outcome CheckFiniteSound(Context& context, const GenerationCase& of) {
  const auto& sound = context.Sound(context.GetRun(of).audio);
  if (!sound.ok()) return FromStatus(sound.error());
  const SignalMeasures& overall = *sound;
  if (overall.nan == 0 && overall.infinite == 0) return Pass({{"not_finite", 0}}, {{"not_finite", 0}});
  return Fail(fmt::format("{} ({}): {} NaN and {} infinite of {} samples, although every weight is finite: the codec's "
                          "decoder overflows. Its weights are far out of range, or of another normalisation",
                          context.GetRun(of).audio, DescribePrompt(context.GetRun(of)), overall.nan, overall.infinite,
                          overall.samples),
              {{"not_finite", overall.nan + overall.infinite}}, {{"not_finite", 0}})
      .WithRemedy("Export an earlier checkpoint of the codec, or the norm that it was trained with (seanet.norm)");
}

}  // namespace conformance
