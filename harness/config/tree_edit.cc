// Changes to a Tree. Nodes that fall out of it stay in the array until Compact.
#include <charconv>
#include <utility>

#include "harness/config/tree.h"

namespace harness::config::internal {
namespace {

std::optional<size_t> Index(std::string_view key) {
  size_t index = 0;
  const std::from_chars_result end = std::from_chars(key.data(), key.data() + key.size(), index);
  if (end.ec != std::errc() || end.ptr != key.data() + key.size()) return std::nullopt;
  return index;
}

// The slot for `key` below `node`, made where it can be.
TreeNode::Child* Slot(Tree& tree, NodeId node, const std::string& key) {
  TreeNode& holder = tree.nodes[node];
  if (holder.kind == TreeNode::Kind::kList) {
    const std::optional<size_t> index = Index(key);
    if (!index || *index > holder.children.size()) return nullptr;
    if (*index == holder.children.size()) holder.children.push_back({});
    return &holder.children[*index];
  }
  for (TreeNode::Child& child : holder.children) {
    if (child.key.is_text() && child.key.text() == key) return &child;
  }
  holder.children.push_back({{key}, 0});
  return &holder.children.back();
}

}  // namespace

const TreeNode::Child* FindChild(const Tree& tree, NodeId node, std::string_view key) {
  const TreeNode& holder = tree.nodes[node];
  if (holder.kind == TreeNode::Kind::kMap) return holder.Find(key);
  const std::optional<size_t> index = holder.kind == TreeNode::Kind::kList ? Index(key) : std::nullopt;
  return index && *index < holder.children.size() ? &holder.children[*index] : nullptr;
}

void SetValue(Tree& tree, std::string_view path, const ConfigValue& value) {
  const std::vector<std::string> keys = SplitPath(path);
  Tree changed = tree;
  NodeId at = 0;
  for (size_t i = 0; i + 1 < keys.size(); ++i) {
    const TreeNode::Child* child = FindChild(changed, at, keys[i]);
    if (child == nullptr || !changed.nodes[child->node].is_container()) {
      TreeNode map;
      map.kind = TreeNode::Kind::kMap;
      map.parent = at;
      const NodeId id = changed.Add(std::move(map));
      TreeNode::Child* slot = Slot(changed, at, keys[i]);
      if (slot == nullptr) return;
      slot->node = id;
      at = id;
    } else {
      at = child->node;
    }
  }
  const Result<NodeId> added = AddValue(changed, value, at, false);
  TreeNode::Child* slot = added ? Slot(changed, at, keys.back()) : nullptr;
  if (slot == nullptr) return;
  slot->node = *added;
  tree = std::move(changed);
}

void RemoveValue(Tree& tree, std::string_view path) {
  const std::vector<std::string> keys = SplitPath(path);
  NodeId at = 0;
  for (size_t i = 0; i + 1 < keys.size(); ++i) {
    const TreeNode::Child* child = FindChild(tree, at, keys[i]);
    if (child == nullptr) return;
    at = child->node;
  }
  const TreeNode::Child* child = FindChild(tree, at, keys.back());
  std::vector<TreeNode::Child>& children = tree.nodes[at].children;
  if (child != nullptr) children.erase(children.begin() + (child - children.data()));
}

}  // namespace harness::config::internal
