// JSON that came in a file (safetensors headers, config.json, tokenizer_config.json): parsed without exceptions, no
// deeper than 64 levels, and without a key that stands twice.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace harness {

struct JsonDocument {
  nlohmann::json root;                 // an object's members are ordered by name, not as in the file
  std::vector<std::string> root_keys;  // of a root that is an object: its keys, as in the file
};

// Errors: kCorrupt; `what` starts every message ("config.json", "model.safetensors: the header").
Result<JsonDocument> ParseJson(std::string_view text, std::string_view what);

}  // namespace harness
