#include "harness/architecture/generation_inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
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

std::string FindInputRemedy(const LmSpec& spec) {
  std::vector<std::string> steps;
  for (const ConditionerSpec& conditioner : spec.conditioners) {
    const ConditionerInput input = FindConditionerKind(conditioner).input;
    const char* given = input == ConditionerInput::kText ? "description" : "self_wav";
    const auto taken = [&](const ConditionerSpec& other) { return other.name == given; };
    if (conditioner.name == given || !FindProblem(conditioner) || input == ConditionerInput::kJointEmbedding ||
        std::any_of(spec.conditioners.begin(), spec.conditioners.end(), taken))
      continue;
    steps.push_back(fmt::format(
        "Where {0} is what MusicGen calls {1}, rename it to {1} in xp.cfg (under conditioners and in the lists of fuser) "
        "and in best_state: best_state = {{k.replace('conditioners.{0}.', 'conditioners.{1}.'): v for k, v in "
        "best_state.items()}}",
        conditioner.name, given));
  }
  if (steps.empty()) return "Use the model through the code that trained it, which gives the other inputs";
  return fmt::format("{}", fmt::join(steps, ". "));
}

}  // namespace harness::architecture
