#include "conformance/slot_input.h"

#include <utility>

#include "conformance/settings.h"

namespace conformance {
namespace {

// The text of a melody's run: the first of the profile, so that both conditions show.
std::optional<std::string> FirstText(const Profile& profile) {
  for (const auto& prompt : profile.prompts) {
    if (prompt) return prompt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> EncodableText(const harness::Models& models, const Profile& profile) {
  const bool can = models.without_text.empty() && models.conditions.has_text_encoder();
  return can ? FirstText(profile) : std::nullopt;
}

std::optional<harness::ConditioningInput> InputOf(const Context& context, const harness::Models& models,
                                                  const Slot& slot, GenerationRun& run) {
  const Profile& profile = context.profile();
  const auto skip = [&run](std::string why) {
    run.status = GenerationRun::Status::kSkipped;
    run.message = std::move(why);
    return std::nullopt;
  };
  harness::ConditioningInput sample;
  if (slot.is_melody()) {
    if (!models.conditions.has_melody_encoder()) return skip(kTakesNoMelody);
    if (!profile.melody) return skip("the profile names no melody (generation.melody: a WAV file)");
    run.melody = *profile.melody;
    run.prompt = EncodableText(models, profile);
    const auto read = harness::ReadMelody(ResolveInput(*profile.melody), models.codec->facts(), sample);
    if (!read.ok()) {
      run.status = GenerationRun::Status::kFailed;
      run.message = "generation.melody: " + read.error().message;
      return std::nullopt;
    }
  } else {
    if (slot.index >= profile.prompts.size()) return std::nullopt;  // an empty slot
    run.prompt = profile.prompts[slot.index];
    if (run.prompt && !models.without_text.empty()) return skip(models.without_text);
  }
  sample.description = run.prompt;
  return sample;
}

}  // namespace conformance
