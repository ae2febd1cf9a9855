// The one edit of a config that would make it agree with the weights, where there is one.
//
// Candidates come from the shapes that were found; each is tried, and only one with which nothing is left to disagree
// is ever told. Which of the two is wrong, config or weights, nobody can know here: it is a suggestion.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/architecture/agreement.h"
#include "harness/config/config.h"

namespace harness {

// A value as it would stand in YAML, on one line: "24", "[8, 5, 4, 4]", "null".
std::string YamlText(const ConfigValue& value);

struct ConfigEdit {
  std::string key;
  ConfigValue value;
  std::string Text() const;  // "transformer_lm.num_layers: 24", as it would stand in YAML
};

// Each by itself; the likelier first. `config` must be one that DescribeLm, or DescribeCodec, accepts.
std::vector<ConfigEdit> LmEdits(const Config& config, const std::vector<FoundTensor>& found);
std::vector<ConfigEdit> CodecEdits(const Config& config, const std::vector<FoundTensor>& found);

// Whether a config and the weights agree wholly.
using Trial = std::function<bool(const Config&)>;

// The first edit with which they do.
std::optional<ConfigEdit> FirstThatAgrees(const Config& config, const std::vector<ConfigEdit>& edits,
                                          const Trial& agrees);

}  // namespace harness
