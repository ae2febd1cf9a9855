#include "conformance/checks/audio_output/figure.h"

#include <fmt/format.h>

#include <cmath>

namespace conformance {

nlohmann::json EncodeNumber(double value) {
  if (std::isfinite(value)) return value;
  return fmt::format("{}", value);
}

Outcome CheckFigure(Context& context, const GenerationCase& of, const Figure& figure) {
  const auto& sound = context.Sound(context.GetRun(of).audio);
  if (!sound.ok()) return FromStatus(sound.error());
  const double value = figure.value(*sound);
  const double limit = context.GetLimit(figure.limit);
  if (figure.at_least ? value >= limit : value <= limit) return Pass(EncodeNumber(value), limit);
  return Fail(fmt::format("{} ({}): {} is {:.4g}, allowed is {} {:.4g} ({}). {}", context.GetRun(of).audio,
                          DescribePrompt(context.GetRun(of)), figure.what, value,
                          figure.at_least ? "at least" : "at most", limit, figure.limit, figure.cause),
              EncodeNumber(value), limit)
      .WithRemedy(figure.remedy);
}

}  // namespace conformance
