#include "harness/config/tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace harness::config::internal {
namespace {

class ValueAdder {
 public:
  ValueAdder(Tree& tree, bool strict) : tree_(tree), strict_(strict) {}

  Result<NodeId> Add(const ConfigValue& value, NodeId parent, const Place& place, int depth) {
    if (depth > kMaxDepth) return Corrupt("{} is nested deeper than {} levels", place, kMaxDepth);
    if (tree_.nodes.size() >= kMaxNodes) return Corrupt("{} is beyond {} values", place, kMaxNodes);
    const auto* list = std::get_if<ConfigValue::List>(&value.data);
    const auto* map = std::get_if<ConfigValue::Map>(&value.data);
    TreeNode node;
    node.parent = parent;
    if (list != nullptr) {
      node.kind = TreeNode::Kind::kList;
    } else if (map != nullptr) {
      node.kind = TreeNode::Kind::kMap;
    } else {
      if (const bool* b = std::get_if<bool>(&value.data)) SetScalar(node, *b);
      if (const int64_t* i = std::get_if<int64_t>(&value.data)) SetScalar(node, *i);
      if (const double* d = std::get_if<double>(&value.data)) SetScalar(node, *d);
      if (const std::string* s = std::get_if<std::string>(&value.data)) SetScalar(node, *s);
      if (strict_ && node.kind == TreeNode::Kind::kInterpolation && node.pieces == nullptr) {
        return Corrupt("{} is the malformed interpolation '{}': {}", place,
                       CanQuote(std::get<std::string>(node.scalar)), node.problem);
      }
    }
    const NodeId id = tree_.Add(std::move(node));
    for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
      HARNESS_ASSIGN_OR_RETURN(const NodeId child, Add((*list)[i], id, {&place, {}, i}, depth + 1));
      tree_.nodes[id].children.push_back({{}, child});
    }
    std::unordered_set<std::string_view> seen;
    for (size_t i = 0; map != nullptr && i < map->size(); ++i) {
      const auto& [key, item] = (*map)[i];
      const Place below{&place, key, std::nullopt};
      if (!seen.insert(key).second) return Corrupt("the key {} is there twice", below);
      HARNESS_ASSIGN_OR_RETURN(const NodeId child, Add(item, id, below, depth + 1));
      tree_.nodes[id].children.push_back({{key}, child});
    }
    return id;
  }

 private:
  template <class... Args>
  static Error Corrupt(fmt::format_string<std::string, Args...> format, const Place& place, Args... args) {
    return {ErrorCode::kCorrupt, fmt::format(format, place.Path(), std::move(args)...)};
  }

  Tree& tree_;
  bool strict_;
};

NodeId CopyBelow(const Tree& from, NodeId node, Tree& to, NodeId parent) {
  TreeNode copy = from.nodes[node];
  copy.parent = parent;
  copy.children.clear();
  const NodeId id = to.Add(std::move(copy));
  for (const TreeNode::Child& child : from.nodes[node].children) {
    const NodeId child_id = CopyBelow(from, child.node, to, id);
    to.nodes[id].children.push_back({child.key, child_id});
  }
  return id;
}

}  // namespace

size_t KeySlots::SlotFor(const Key& key, size_t next) {
  // Python: 1 == 1.0 == True, and none of them is "1".
  if (const std::string* text = std::get_if<std::string>(&key.value)) return texts_.emplace(*text, next).first->second;
  if (const bool* b = std::get_if<bool>(&key.value)) return numbers_.emplace(*b ? 1.0 : 0.0, next).first->second;
  if (const int64_t* i = std::get_if<int64_t>(&key.value))
    return numbers_.emplace(static_cast<double>(*i), next).first->second;
  if (const double* d = std::get_if<double>(&key.value)) return numbers_.emplace(*d, next).first->second;
  return texts_.emplace("None", next).first->second;
}

std::string Place::Path() const {
  std::vector<const Place*> chain;
  for (const Place* place = this; place->parent != nullptr; place = place->parent) chain.push_back(place);
  std::string path;
  for (auto place = chain.rbegin(); place != chain.rend(); ++place) {
    path = (*place)->index ? fmt::format("{}[{}]", path, *(*place)->index) : JoinPath(path, CanQuote((*place)->key));
  }
  return path.empty() ? "the config" : path;
}

const TreeNode::Child* TreeNode::Find(std::string_view key) const {
  if (kind != Kind::kMap) return nullptr;
  for (const Child& child : children) {
    const std::string* text = std::get_if<std::string>(&child.key.value);
    if (text != nullptr && *text == key) return &child;
  }
  return nullptr;
}

NodeId Tree::Add(TreeNode node) {
  nodes.push_back(std::move(node));
  return static_cast<NodeId>(nodes.size() - 1);
}

std::string Tree::PathOf(NodeId node) const {
  std::vector<NodeId> chain;
  for (; node != 0; node = nodes[node].parent) chain.push_back(node);
  std::string path;
  for (auto id = chain.rbegin(); id != chain.rend(); ++id) {
    const TreeNode& parent = nodes[nodes[*id].parent];
    const auto child = std::find_if(parent.children.begin(), parent.children.end(),
                                    [&](const TreeNode::Child& c) { return c.node == *id; });
    if (parent.kind == TreeNode::Kind::kList) {
      path += fmt::format("[{}]", child - parent.children.begin());
    } else {
      path = JoinPath(path, child == parent.children.end() ? "?" : child->key.text());
    }
  }
  return path;
}

std::string Tree::Repr(NodeId id) const {
  const TreeNode& node = nodes[id];
  switch (node.kind) {
    case TreeNode::Kind::kScalar:
    case TreeNode::Kind::kInterpolation: return FormatPythonRepr(node.scalar);
    case TreeNode::Kind::kMissing: return FormatPythonRepr(std::string("???"));
    case TreeNode::Kind::kOpaque: return "?";
    case TreeNode::Kind::kList:
    case TreeNode::Kind::kMap: break;
  }
  const bool is_map = node.kind == TreeNode::Kind::kMap;
  std::string out(1, is_map ? '{' : '[');
  for (const TreeNode::Child& child : node.children) {
    if (out.size() > 1) out += ", ";
    if (is_map) out += FormatPythonRepr(child.key.value) + ": ";
    out += Repr(child.node);
  }
  return out + (is_map ? '}' : ']');
}

std::string JoinPath(std::string_view parent, std::string_view key) {
  const bool plain = !key.empty() && key.find_first_of(".[]") == std::string_view::npos;
  if (!plain) return fmt::format("{}[{}]", parent, key);
  return parent.empty() ? std::string(key) : fmt::format("{}.{}", parent, key);
}

std::vector<std::string> SplitPath(std::string_view path) {
  std::vector<std::string> parts;
  // The head runs up to the first bracket; every dot in it separates, so leading dots give empty parts.
  const size_t dots = std::min(path.find_first_not_of('.'), path.size());
  const size_t head = std::min(path.find_first_of(".[", dots), path.size());
  for (size_t begin = 0; begin <= head;) {
    const size_t end = std::min(path.find('.', begin), head);
    parts.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  if (head < path.size() && path[head] == '[' && parts.back().empty()) parts.pop_back();
  for (size_t i = head; i < path.size();) {
    if (path[i] == '.') {
      const size_t end = std::min(path.find_first_of(".[", i + 1), path.size());
      parts.emplace_back(path.substr(i + 1, end - i - 1));
      i = end;
    } else if (path[i] == '[' && path.find(']', i) != std::string_view::npos) {
      const size_t end = path.find(']', i);
      parts.emplace_back(path.substr(i + 1, end - i - 1));
      i = end + 1;
    } else {
      ++i;
    }
  }
  return parts;
}

void SetScalar(TreeNode& node, Scalar scalar) {
  node.kind = TreeNode::Kind::kScalar;
  if (const std::string* text = std::get_if<std::string>(&scalar)) {
    if (*text == "???") {
      node.kind = TreeNode::Kind::kMissing;
    } else if (IsInterpolation(*text)) {
      node.kind = TreeNode::Kind::kInterpolation;
      auto parsed = ParseTemplate(*text);
      if (auto* pieces = std::get_if<Template>(&parsed)) {
        node.pieces = std::make_shared<const Template>(std::move(*pieces));
      } else {
        node.problem = std::get<SyntaxError>(parsed).message;
      }
    }
  }
  node.scalar = std::move(scalar);
}

Result<NodeId> AddValue(Tree& tree, const ConfigValue& value, NodeId parent, bool strict) {
  if (tree.nodes.empty()) return ValueAdder(tree, strict).Add(value, 0, Place(), 0);
  int depth = 1;
  for (NodeId id = parent; id != 0; id = tree.nodes[id].parent) ++depth;
  const std::string path = tree.PathOf(parent);
  const Place root;
  const Place place{&root, path, std::nullopt};
  return ValueAdder(tree, strict).Add(value, parent, path.empty() ? root : place, depth);
}

Tree Compact(const Tree& tree) {
  Tree out;
  CopyBelow(tree, 0, out, 0);
  return out;
}

}  // namespace harness::config::internal
