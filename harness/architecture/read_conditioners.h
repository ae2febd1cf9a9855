// The conditioners that a config describes.
// Source: audiocraft 1.3.0, models/builders.py get_conditioner_provider, models/loaders.py load_lm_model.
#pragma once

#include <cstddef>
#include <vector>

#include "harness/architecture/conditioner_spec.h"
#include "harness/config/config.h"
#include "harness/config/option_reader.h"

namespace harness::architecture {

// Everything under `conditioners`, in the config's order; what is wrong goes to `problems`.
std::vector<ConditionerSpec> ReadConditioners(const config::Config& config, config::OptionProblems& problems);

// Bytes of a conditioner's name in the config: "description", "self_wav".
inline constexpr size_t kMaxConditionerName = 500;
// Each may bring a quantizer or a T5 of its own; the models that exist have one to three.
inline constexpr size_t kMaxConditioners = 200;

}  // namespace harness::architecture
