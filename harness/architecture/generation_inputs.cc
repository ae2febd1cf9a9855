#include "harness/architecture/generation_inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace harness {
namespace {

std::string ProblemOf(const ConditionerSpec& conditioner) {
  const std::string& name = conditioner.name;
  if (conditioner.model == "clap") {
    return fmt::format(
        "conditioners.{}.model is clap, which takes a joint embedding '{}' of text and audio: "
        "MusicGen.generate gives none (KeyError)",
        name, conditioner.attribute);
  }
  const char* given = conditioner.is_text() ? "description" : "self_wav";
  if (name != given) {
    return fmt::format(
        "conditioners.{} takes a {}, and MusicGen.generate gives none of that name, only '{}' (KeyError "
        "'{}'): a model with other inputs than a description and a melody can't be used through MusicGen",
        name, conditioner.is_text() ? "text" : "waveform", given, name);
  }
  return "";
}

}  // namespace

std::string GenerateProblem(const LmSpec& spec) {
  std::vector<std::string> problems;
  for (const ConditionerSpec& conditioner : spec.conditioners) {
    if (std::string problem = ProblemOf(conditioner); !problem.empty()) problems.push_back(std::move(problem));
  }
  return fmt::format("{}", fmt::join(problems, "; "));
}

}  // namespace harness
