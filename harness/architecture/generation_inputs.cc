#include "harness/architecture/generation_inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "harness/architecture/conditioner_kind.h"

namespace harness::architecture {
namespace {

std::optional<std::string> FindProblem(const ConditionerSpec& conditioner) {
  const std::string& name = conditioner.name;
  if (const auto* clap = std::get_if<ClapOptions>(&conditioner.options)) {
    return fmt::format(
        "conditioners.{}.model is clap, which takes a joint embedding '{}' of text and audio: MusicGen.generate gives "
        "none (KeyError)",
        name, clap->attribute);
  }
  const bool is_text = FindConditionerKind(conditioner).input == ConditionerInput::kText;
  const char* given = is_text ? "description" : "self_wav";
  if (name == given) return std::nullopt;
  return fmt::format(
      "conditioners.{} takes a {}, and MusicGen.generate gives none of that name, only '{}' (KeyError '{}'): a model "
      "with other inputs than a description and a melody can't be used through MusicGen",
      name, is_text ? "text" : "waveform", given, name);
}

}  // namespace

std::optional<std::string> FindInputProblem(const LmSpec& spec) {
  std::vector<std::string> problems;
  for (const ConditionerSpec& conditioner : spec.conditioners) {
    if (auto problem = FindProblem(conditioner)) problems.push_back(*std::move(problem));
  }
  if (problems.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(problems, "; "));
}

}  // namespace harness::architecture
