// YAML text -> Tree, typed as OmegaConf.create types it.
#pragma once

#include <string_view>

#include "harness/base/result.h"
#include "harness/config/tree.h"

namespace harness::config::internal {

// The tree of one YAML document whose root is a mapping. An empty document is an empty mapping, a lone text a mapping
// of that text to null, as in OmegaConf. Tags, duplicate and merge keys, anchors as PyYAML's safe loader takes them.
// Errors: kCorrupt, with line, column or key path: not YAML, not UTF-8, a control character, several documents, not a
// mapping, a duplicate key, an unknown tag, a malformed interpolation, more than kMaxNodes values or kMaxDepth levels.
// The messages do not name the source.
Result<Tree> ParseYaml(std::string_view text);

}  // namespace harness::config::internal
