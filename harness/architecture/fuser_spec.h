// fuser: how each conditioner's embedding reaches the transformer, as an LM config describes it.
//
// Source: audiocraft 1.3.0, models/builders.py get_condition_fuser, modules/conditioners.py ConditionFuser.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/config/config.h"
#include "harness/config/option_reader.h"

namespace harness::architecture {

enum class FuseMethod { kSum, kCross, kPrepend, kInputInterpolate };

struct FuserSpec {
  std::vector<std::string> sum, cross, prepend, input_interpolate;  // conditioner names
  bool cross_attention_pos_emb = false;
  double cross_attention_pos_emb_scale = 1.0;

  // What is done with the conditioner `name`: of the lists that name it, the last one counts, in the reference's order
  // (sum, cross, prepend, input_interpolate). nullopt: none does.
  std::optional<FuseMethod> MethodOf(const std::string& name) const;
};

FuserSpec ReadFuser(const config::Config& config, config::OptionProblems& problems);

// What ConditionFuser or the transformer asserts against as soon as it generates: a conditioner that no list names,
// cross-attention without anything to attend to. `cross_attention`: the transformer has it.
void CheckFusing(const config::Config& config, const FuserSpec& fuser, bool cross_attention,
                 config::OptionProblems& problems);

}  // namespace harness::architecture
