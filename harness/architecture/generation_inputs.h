// What MusicGen gives to a model's conditioners, and whether that is what they ask for.
#pragma once

#include <optional>
#include <string>

#include "harness/architecture/lm_spec.h"

namespace harness::architecture {

// Why every MusicGen.generate raises although get_pretrained loads the model, with the exception; nullopt where it
// doesn't. MusicGen gives each sample a text `description` and a waveform `self_wav`, and no more.
// (That each conditioner is in a list of the fuser: DescribeLm.)
// Source: audiocraft 1.3.0 (and 1.4.0a2), models/musicgen.py _prepare_tokens_and_attributes, modules/conditioners.py
// ConditioningProvider.tokenize.
std::optional<std::string> FindInputProblem(const LmSpec& spec);

// What to do where there is such a problem.
std::string FindInputRemedy(const LmSpec& spec);

}  // namespace harness::architecture
