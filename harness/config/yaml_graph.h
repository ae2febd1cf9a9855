// What the YAML syntax says, before anything is typed: nodes with tags and positions, aliases as shared nodes.
// yaml-cpp's event interface fills it, so that untrusted text is never expanded here: its size is bounded by the
// text's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace harness::config::internal {

struct YamlNode {
  enum class Kind { kScalar, kList, kMap };
  Kind kind = Kind::kScalar;
  bool plain = false;              // an unquoted scalar without a tag
  std::string tag;                 // "tag:yaml.org,2002:int"; empty where there is none
  std::string text;                // of a scalar
  std::vector<uint32_t> children;  // of a list: items; of a map: key, value, key, value, ...
  int line = 0;                    // from 1
  int column = 0;                  // from 1
};

struct YamlGraph {
  std::vector<YamlNode> nodes;
  uint32_t root = 0;  // where `nodes` is not empty
};

// The one document in `text`; no nodes where there is none.
// Errors: kCorrupt, with line and column.
Result<YamlGraph> ReadYaml(std::string_view text);

}  // namespace harness::config::internal
