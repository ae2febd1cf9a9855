// The arguments of each kind of conditioner. Private to read_conditioners.cc.
#pragma once

#include "harness/architecture/conditioner_spec.h"
#include "harness/config/config.h"
#include "harness/config/option_reader.h"

namespace harness {

// Fills `conditioner` from `map`, its arguments at `path` ("conditioners.self_wav.chroma_stem").
void ReadT5Options(const ConfigValue::Map& map, const std::string& path, ConditionerSpec& conditioner,
                   OptionProblems& problems);
void ReadLutOptions(const ConfigValue::Map& map, const std::string& path, ConditionerSpec& conditioner,
                    OptionProblems& problems);
// `segment_duration_s`: dataset.segment_duration.
void ReadChromaOptions(const ConfigValue::Map& map, const std::string& path, double segment_duration_s,
                       ConditionerSpec& conditioner, OptionProblems& problems);
void ReadStyleOptions(const ConfigValue::Map& map, const std::string& path, ConditionerSpec& conditioner,
                      OptionProblems& problems);
void ReadClapOptions(const ConfigValue::Map& map, const std::string& path, ConditionerSpec& conditioner,
                     OptionProblems& problems);

}  // namespace harness
