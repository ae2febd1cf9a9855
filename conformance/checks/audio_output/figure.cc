#include "conformance/checks/audio_output/figure.h"

#include <fmt/format.h>

#include <cmath>

namespace conformance {

nlohmann::json Number(double value) {
  if (std::isfinite(value)) return value;
  return fmt::format("{}", value);
}

Outcome JudgeFigure(Context& context, const GenerationCase& of, const Figure& figure) {
  const auto& sound = context.Sound(context.RunOf(of).audio);
  if (!sound.ok()) return Fail(sound.error().message);
  const double value = figure.value(*sound);
  const double limit = context.LimitOf(figure.limit);
  if (figure.at_least ? value >= limit : value <= limit) return Pass(Number(value), limit);
  return Fail(fmt::format("{} ({}): {} is {:.4g}, allowed is {} {:.4g} ({}). {}", context.RunOf(of).audio,
                          PromptText(context.RunOf(of)), figure.what, value, figure.at_least ? "at least" : "at most",
                          limit, figure.limit, figure.cause),
              Number(value), limit);
}

}  // namespace conformance
