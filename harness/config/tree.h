// The config as it stands in the file: a tree in one array, values typed, interpolations parsed and not resolved.
//
// Every node has one parent: an alias is a copy, as in OmegaConf, so a relative interpolation below it starts from
// where the alias stands. Node 0 is the root mapping. Indices are checked nowhere: a Tree is only built by the
// functions below.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "harness/base/result.h"
#include "harness/config/interpolation.h"
#include "harness/config/scalar.h"
#include "harness/config/value.h"

namespace harness::config::internal {

// A config has a few hundred values, ten deep. Aliases and interpolations can make a small text expand without bound.
inline constexpr size_t kMaxNodes = 100'000;
inline constexpr int kMaxDepth = 200;
inline constexpr size_t kMaxTextBytes = size_t{16} << 20;  // all texts of a tree, or of one read, together

using NodeId = uint32_t;

// A mapping's key. OmegaConf keeps integers, floats and booleans as they are; a path only ever reaches text keys.
struct Key {
  Scalar value;
  std::string text() const { return FormatPythonStr(value); }
  bool is_text() const { return std::holds_alternative<std::string>(value); }
};

// Gives equal keys one slot: the place of the first, the value of the last, as in a Python dict.
class KeySlots {
 public:
  // The slot of an equal key that was given before, else `next`.
  size_t SlotFor(const Key& key, size_t next);

 private:
  std::unordered_map<std::string, size_t> texts_;
  std::unordered_map<double, size_t> numbers_;
};

// Where a builder is, as a chain on the stack: written out only for a message.
struct Place {
  const Place* parent = nullptr;
  std::string_view key;         // of a mapping
  std::optional<size_t> index;  // of a list
  std::string Path() const;
};

struct TreeNode {
  enum class Kind {
    kScalar,
    kInterpolation,  // a text with "${": `scalar` holds it, `pieces` its syntax tree (null: `problem` says what is
                     // wrong)
    kMissing,        // ???
    kList,
    kMap,
    kOpaque,  // legal for OmegaConf, not representable here (bytes, a path): `problem` names the tag
  };
  enum class Style { kPlain, kQuoted, kTagged, kGiven };  // how the YAML wrote it; kGiven: no YAML
  struct Child {
    Key key;  // of a kMap
    NodeId node;
  };

  Kind kind = Kind::kScalar;
  Style style = Style::kGiven;
  NodeId parent = 0;
  Scalar scalar;
  std::shared_ptr<const Template> pieces;
  std::string problem;
  std::vector<Child> children;

  const Child* Find(std::string_view key) const;  // the child under a text key; null where there is none
  bool is_container() const { return kind == Kind::kList || kind == Kind::kMap; }
};

struct Tree {
  std::vector<TreeNode> nodes;

  NodeId Add(TreeNode node);
  // "a.b[0]", "" for the root.
  std::string PathOf(NodeId node) const;
  // str() of a container, as OmegaConf writes it into a text: nothing is resolved. (Python's repr for texts in it.)
  std::string Repr(NodeId node) const;
};

// "a" and "b" is "a.b"; list items are "a[0]"; a key that would not survive in dots is "a[b.c]".
std::string JoinPath(std::string_view parent, std::string_view key);

// The parts of a path, as OmegaConf splits it: "a.b", "a[b]", "[a].b".
std::vector<std::string> SplitPath(std::string_view path);

// Sets kind, scalar and pieces from a value: `???` is missing, "${" an interpolation.
void SetScalar(TreeNode& node, Scalar scalar);

// Adds `value` and what is below it. Errors: kCorrupt (too deep, too many values, a key twice, a malformed
// interpolation); the messages do not name the source. Without `strict`, malformed interpolations are left to be
// reported when read.
Result<NodeId> AddValue(Tree& tree, const ConfigValue& value, NodeId parent, bool strict);

// The child under a key of a mapping or an index of a list; null where there is none.
const TreeNode::Child* FindChild(const Tree& tree, NodeId node, std::string_view key);

// Config::With and Config::Without. A value that AddValue refuses (too deep, too many) leaves the tree as it is.
void SetValue(Tree& tree, std::string_view path, const ConfigValue& value);
void RemoveValue(Tree& tree, std::string_view path);

// Deep copy of everything that is still reachable: what With and Without leave behind is dropped.
Tree Compact(const Tree& tree);

}  // namespace harness::config::internal
