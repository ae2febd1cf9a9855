#include "conformance/stages/case_input.h"

#include <utility>

#include "conformance/framework/settings.h"

namespace conformance {
namespace {

// The text of a melody's run: the first of the profile, so that both conditions show.
std::optional<std::string> FindFirstText(const Profile& profile) {
  for (const auto& prompt : profile.prompts) {
    if (prompt) return prompt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> FindEncodableText(const harness::pipeline::Models& models, const Profile& profile) {
  const bool can = !models.without_text && models.conditions.has_text_encoder();
  return can ? FindFirstText(profile) : std::nullopt;
}

std::optional<harness::model::ConditioningInput> MakeInput(const Context& context,
                                                           const harness::pipeline::Models& models,
                                                           const GenerationCase& of, GenerationRun& run) {
  const Profile& profile = context.profile();
  harness::model::ConditioningInput sample;
  if (of.is_melody()) {
    if (!models.conditions.has_melody_encoder()) {
      run.status = GenerationRun::Status::kSkipped;
      run.reason = reason::kTakesNoMelody;
      run.message = "the model does not take a melody";
      return std::nullopt;
    }
    run.melody = *profile.melody;
    run.prompt = FindEncodableText(models, profile);
    const auto read = harness::pipeline::ReadMelody(ResolveInput(*profile.melody), models.codec->facts(), sample);
    if (!read.ok()) {
      run.status = GenerationRun::Status::kFailed;
      run.message = "generation.melody: " + read.error().message;
      run.remedy = read.error().remedy;
      return std::nullopt;
    }
  } else {
    run.prompt = profile.prompts[*of.prompt];
    if (run.prompt && models.without_text) {
      run.status = GenerationRun::Status::kSkipped;
      run.reason = reason::kNotInCache;
      run.message = models.without_text->message;
      run.remedy = models.without_text->remedy;
      return std::nullopt;
    }
  }
  sample.description = run.prompt;
  return sample;
}

}  // namespace conformance
