// A resolved value as the type that its reader wants, and a message that says what to change where it is another one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "harness/base/result.h"
#include "harness/config/tree.h"
#include "harness/config/value.h"

namespace harness::config::internal {

// Where a value came from, for the hint in the message.
struct Origin {
  const Tree& tree;
  std::optional<NodeId> written;  // the node at the path itself, perhaps an interpolation
  std::optional<NodeId> target;   // the node that it led to
};

// T: int64_t, double (takes an integer, too), bool, std::string, std::vector<int64_t>, std::vector<std::string>.
// Errors: kMismatch, "a.b must be an integer, found ...".
template <class T>
Result<T> Convert(const ConfigValue& value, const std::string& path, const Origin& origin);

}  // namespace harness::config::internal
