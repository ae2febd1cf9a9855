// SEANet's encoder and decoder as lists of layers, numbered as nn.Sequential numbers them.
// Source: audiocraft 1.3.0, modules/seanet.py.
#pragma once

#include <string>
#include <vector>

#include "harness/config/config.h"
#include "harness/spec/codec_spec.h"
#include "harness/spec/option_reader.h"

namespace harness {

enum class SeanetSide { kEncoder, kDecoder };

// `arguments`: the keyword arguments of SEANetEncoder or SEANetDecoder. What is wrong goes to `problems`; then the
// result must not be used.
SeanetSpec DescribeSeanet(const ConfigValue::Map& arguments, SeanetSide side, OptionProblems& problems);

void AppendSeanetTensors(const SeanetSpec& spec, const std::string& group, std::vector<TensorSpec>& list);

}  // namespace harness
