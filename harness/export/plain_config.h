// Pickled plain values as a config's values.
#pragma once

#include "harness/config/config.h"
#include "harness/pickle/plain_value.h"

namespace harness::exports {

// Keys that are not text are written as Config::Get spells them. Depth is bounded by ToPlainValue.
config::ConfigValue ToConfigValue(const pickle::PlainValue& value);

}  // namespace harness::exports
