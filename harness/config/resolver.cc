#include "harness/config/resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/config/suggest.h"

namespace harness::config_internal {
namespace {

// Python's recursion limit ends OmegaConf long before.
constexpr int kMaxNesting = 200;

// Undoes an insertion at the end of a scope.
struct Leave {
  std::unordered_set<NodeId>& set;
  NodeId node;
  ~Leave() { set.erase(node); }
};

struct Deeper {
  explicit Deeper(int& d) : depth(d) { ++depth; }
  ~Deeper() { --depth; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
  int& depth;
};

// As Python's int() reads it, without the spaces and underscores that it would take, too.
std::optional<size_t> ListIndex(std::string_view text) {
  if (text.size() > 1 && text[0] == '+') text.remove_prefix(1);
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  return static_cast<size_t>(std::stoul(std::string(text)));
}

bool IsNegativeIndex(std::string_view text) {
  return text.size() > 1 && text[0] == '-' && text.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

ConfigValue FromScalar(const Scalar& scalar) {
  return std::visit([](const auto& v) { return ConfigValue{v}; }, scalar);
}

std::string Describe(const Tree& tree, const Resolved& resolved) {
  if (!resolved.node) return resolved.value.Describe();
  const TreeNode& node = tree.nodes[*resolved.node];
  switch (node.kind) {
    case TreeNode::Kind::kMissing: return "???";
    case TreeNode::Kind::kMap: return fmt::format("a mapping of {} keys", node.children.size());
    case TreeNode::Kind::kList: return fmt::format("a list of {}", node.children.size());
    case TreeNode::Kind::kOpaque: return node.problem;
    default: return FromScalar(node.scalar).Describe();
  }
}

std::string NamePath(std::string_view path) { return path.empty() ? "the config" : std::string(path); }

}  // namespace

Error Resolver::Fail(ErrorCode code, const Context& context, std::string_view message) const {
  const std::string* text = std::get_if<std::string>(&tree_.nodes[context.node].scalar);
  const std::string path = NamePath(tree_.PathOf(context.node));
  return Error{code, text ? fmt::format("{} is '{}': {}", path, Quotable(*text), message)
                          : fmt::format("{}: {}", path, message)};
}

Status Resolver::Count(const Context& context, size_t text_bytes) {
  text_bytes_ += text_bytes;
  if (++steps_ <= 2 * kMaxNodes && text_bytes_ <= kMaxTextBytes) return {};
  return Fail(ErrorCode::kMismatch, context,
              fmt::format("interpolations multiply: the value expands to more than {} values or {} bytes of text",
                          kMaxNodes, kMaxTextBytes));
}

std::string Resolver::Suggest(NodeId map, std::string_view key) const {
  std::vector<std::string> keys;
  for (const TreeNode::Child& child : tree_.nodes[map].children) {
    if (child.key.is_text()) {
      keys.push_back(child.key.text());
    } else if (child.key.text() == key) {
      return fmt::format(" (there is the key {}, which is no text: put it in quotes in the YAML)", key);
    }
  }
  const std::optional<std::string> nearest = Nearest(key, keys);
  return nearest ? fmt::format(" (did you mean {}?)", JoinPath(tree_.PathOf(map), *nearest)) : "";
}

// One key further. Nothing is followed.
Resolver::Selection Resolver::Step(const Resolved& from, const std::string& key) const {
  Selection out;
  out.step = key;
  if (!from.node) {
    const auto* list = std::get_if<ConfigValue::List>(&from.value.data);
    const ConfigValue* item = from.value.Find(key);
    const std::optional<size_t> index = ListIndex(key);
    if (list != nullptr && index && *index < list->size()) item = &(*list)[*index];
    if (item != nullptr) {
      out.target.value = *item;
    } else if (list != nullptr) {
      out.outcome = index || IsNegativeIndex(key) ? Outcome::kNoKey : Outcome::kBadIndex;
    } else {
      out.outcome =
          std::holds_alternative<ConfigValue::Map>(from.value.data) ? Outcome::kNoKey : Outcome::kNotContainer;
    }
    return out;
  }
  const TreeNode& node = tree_.nodes[*from.node];
  out.reached = tree_.PathOf(*from.node);
  const TreeNode::Child* child = nullptr;
  if (node.kind == TreeNode::Kind::kMap) {
    child = node.Find(key);
    if (child == nullptr) {
      out.outcome = Outcome::kNoKey;
      out.suggestion = Suggest(*from.node, key);
      return out;
    }
  } else if (node.kind == TreeNode::Kind::kList) {
    const std::optional<size_t> index = ListIndex(key);
    if (!index || *index >= node.children.size()) {
      out.outcome = index || IsNegativeIndex(key) ? Outcome::kNoKey : Outcome::kBadIndex;
      out.suggestion = fmt::format(" (it has {} items)", node.children.size());
      return out;
    }
    child = &node.children[*index];
  } else {
    out.outcome = Outcome::kNotContainer;
    return out;
  }
  out.target.node = child->node;
  if (tree_.nodes[child->node].kind == TreeNode::Kind::kMissing) out.outcome = Outcome::kMissing;
  return out;
}

Result<Resolved> Resolver::Walk(std::string_view path) {
  Resolved at{NodeId{0}, {}, false};
  written_ = NodeId{0};
  if (path.empty()) return at;
  for (const std::string& key : SplitPath(path)) {
    const Selection step = Step(at, key);
    const std::string done = path_;
    const bool in_list = at.node && tree_.nodes[*at.node].kind == TreeNode::Kind::kList;
    path_ = in_list ? fmt::format("{}[{}]", done, key) : JoinPath(done, key);
    const std::string& here = path_;
    // Where the value stands, if an interpolation led there.
    const std::string via =
        at.node && step.reached != done ? fmt::format(" (which is {})", NamePath(step.reached)) : "";
    switch (step.outcome) {
      case Outcome::kFound: break;
      case Outcome::kMissing:
        return Error{ErrorCode::kNotFound, fmt::format("{} is ???: missing mandatory value; set it", here)};
      case Outcome::kNoKey:
        return Error{ErrorCode::kNotFound, fmt::format("{} is not there{}{}", here, via, step.suggestion)};
      case Outcome::kBadIndex:
        return Error{ErrorCode::kMismatch,
                     fmt::format("{}{} is a list, and '{}' is no index", NamePath(done), via, key)};
      case Outcome::kNotContainer:
        return Error{ErrorCode::kMismatch, fmt::format("{} must be a mapping or a list to hold {}, found {}",
                                                       NamePath(done), here, Describe(tree_, at))};
    }
    written_ = step.target.node;
    at = step.target;
    if (at.node) {
      Result<Resolved> target = Dereference(*at.node);
      if (!target) return ForPath(target.error());
      at = *std::move(target);
    }
  }
  return at;
}

Result<ConfigValue> Resolver::ReadAt(const Resolved& resolved) {
  Result<ConfigValue> value = Materialize(resolved);
  if (!value) return ForPath(value.error());
  return value;
}

Error Resolver::ForPath(const Error& error) const {
  if (path_.empty() || error.message.substr(0, path_.size()) == path_) return error;
  return {error.code, fmt::format("{} (read for {})", error.message, path_)};
}

Result<Resolved> Resolver::Dereference(NodeId id) {
  const TreeNode& node = tree_.nodes[id];
  if (node.kind != TreeNode::Kind::kInterpolation) return Resolved{id, {}, false};
  const Context context{node.parent, id};
  if (node.pieces == nullptr) return Fail(ErrorCode::kMismatch, context, "malformed interpolation: " + node.problem);
  RETURN_IF_ERROR(Count(context, 0));
  if (!following_.insert(id).second)
    return Fail(ErrorCode::kMismatch, context, "the interpolation leads back to itself (a cycle)");
  const Leave leave{following_, id};
  return Evaluate(*node.pieces, context);
}

Result<Resolved> Resolver::Evaluate(const Template& pieces, const Context& context) {
  if (pieces.size() == 1 && pieces[0].interpolation != nullptr) return Evaluate(*pieces[0].interpolation, context);
  std::string out;
  for (const Piece& piece : pieces) {
    if (piece.interpolation == nullptr) {
      RETURN_IF_ERROR(Count(context, piece.text.size()));
      out += piece.text;
      continue;
    }
    ASSIGN_OR_RETURN(const Resolved part, Evaluate(*piece.interpolation, context));
    ASSIGN_OR_RETURN(const std::string text, Str(part, context));
    out += text;
  }
  return Resolved{std::nullopt, {std::move(out)}, false};
}

Result<Resolved> Resolver::Evaluate(const Interpolation& interpolation, const Context& context) {
  const Deeper deeper(depth_);
  if (depth_ > kMaxNesting) {
    return Fail(ErrorCode::kMismatch, context,
                fmt::format("more than {} interpolations lead to each other", kMaxNesting));
  }
  ASSIGN_OR_RETURN(const std::string name, JoinName(interpolation.name, interpolation, context));
  return interpolation.is_resolver ? CallResolver(name, interpolation, context)
                                   : FollowPath(name, interpolation, context);
}

Result<Resolved> Resolver::Evaluate(const Element& element, const Context& context) {
  const auto value_of = [](const Resolved& r, const Tree& tree) {
    return r.node ? FromScalar(tree.nodes[*r.node].scalar) : r.value;
  };
  const std::string* literal = std::get_if<std::string>(&element.scalar);
  RETURN_IF_ERROR(Count(context, literal ? literal->size() : 0));
  Resolved out;
  switch (element.kind) {
    case Element::Kind::kScalar: out.value = FromScalar(element.scalar); return out;
    case Element::Kind::kPieces: return Evaluate(element.pieces, context);
    case Element::Kind::kQuoted: {
      ASSIGN_OR_RETURN(const Resolved inner, Evaluate(element.pieces, context));
      ASSIGN_OR_RETURN(std::string text, Str(inner, context));
      out.value.data = std::move(text);
      return out;
    }
    case Element::Kind::kList:
    case Element::Kind::kMap: break;
  }
  ConfigValue::List items;
  for (const Element& item : element.items) {
    ASSIGN_OR_RETURN(const Resolved resolved, Evaluate(item, context));
    if (resolved.node && tree_.nodes[*resolved.node].is_container()) {
      ASSIGN_OR_RETURN(ConfigValue subtree, Materialize(resolved));
      items.push_back(std::move(subtree));
    } else {
      items.push_back(value_of(resolved, tree_));
    }
  }
  if (element.kind == Element::Kind::kList) {
    out.value.data = std::move(items);
    return out;
  }
  ConfigValue::Map map;
  KeySlots slots;
  for (size_t i = 0; i < items.size(); ++i) {
    const size_t slot = slots.SlotFor({element.keys[i]}, map.size());
    if (slot < map.size()) {
      map[slot].second = std::move(items[i]);
    } else {
      map.emplace_back(PythonStr(element.keys[i]), std::move(items[i]));
    }
  }
  out.value.data = std::move(map);
  return out;
}

Result<std::string> Resolver::JoinName(const Template& pieces, const Interpolation& interpolation,
                                       const Context& context) {
  std::string out;
  for (const Piece& piece : pieces) {
    if (piece.interpolation == nullptr) {
      out += piece.text;
      continue;
    }
    ASSIGN_OR_RETURN(const Resolved part, Evaluate(*piece.interpolation, context));
    const std::optional<std::string> text = TextOf(part);
    if (!text) {
      return Fail(ErrorCode::kMismatch, context,
                  fmt::format("{} is part of the key {}, so it must be a text, found {}", piece.interpolation->text,
                              interpolation.text, Describe(tree_, part)));
    }
    out += *text;
  }
  return out;
}

std::optional<std::string> Resolver::TextOf(const Resolved& resolved) const {
  if (resolved.node) {
    const TreeNode& node = tree_.nodes[*resolved.node];
    const std::string* text = node.is_container() ? nullptr : std::get_if<std::string>(&node.scalar);
    return text ? std::optional(*text) : std::nullopt;
  }
  const std::string* text = std::get_if<std::string>(&resolved.value.data);
  return text ? std::optional(*text) : std::nullopt;
}

Result<Resolver::Selection> Resolver::SelectPath(const std::string& path, const Context& context,
                                                 bool throw_on_missing) {
  NodeId root = 0;
  std::string_view rest = path;
  if (!rest.empty() && rest[0] == '.') {
    root = context.container;
    rest.remove_prefix(1);
    for (; !rest.empty() && rest[0] == '.'; rest.remove_prefix(1)) {
      if (root == 0)
        return Fail(ErrorCode::kMismatch, context,
                    fmt::format("'{}' goes above the top of the config: it has a dot too many", path));
      root = tree_.nodes[root].parent;
    }
  }
  Selection last;
  last.target = Resolved{root, {}, false};
  if (rest.empty()) return last;
  const std::vector<std::string> keys = SplitPath(rest);
  for (size_t i = 0; i < keys.size(); ++i) {
    const Resolved from = last.target;
    // A plain value that a resolver made has no keys for OmegaConf.
    if (!from.node && !from.is_config) {
      last.outcome = Outcome::kNotContainer;
      last.step = keys[i];
      return last;
    }
    last = Step(from, keys[i]);
    const bool is_last = i + 1 == keys.size();
    if (last.outcome == Outcome::kMissing && !throw_on_missing && !is_last) last.outcome = Outcome::kNotContainer;
    if (last.outcome != Outcome::kFound) return last;
    if (last.target.node) {
      ASSIGN_OR_RETURN(last.target, Dereference(*last.target.node));
    }
  }
  return last;
}

Result<Resolved> Resolver::FollowPath(const std::string& path, const Interpolation& interpolation,
                                      const Context& context) {
  ASSIGN_OR_RETURN(const Selection selection, SelectPath(path, context, true));
  switch (selection.outcome) {
    case Outcome::kFound: break;
    case Outcome::kMissing:
      return Fail(ErrorCode::kMismatch, context,
                  fmt::format("the key {} of {} is ???, a missing mandatory value: set it", path, interpolation.text));
    case Outcome::kNoKey:
      return Fail(ErrorCode::kMismatch, context,
                  fmt::format("the key {} of {} is not there: {} has no '{}'{}", path, interpolation.text,
                              NamePath(selection.reached), Quotable(selection.step), selection.suggestion));
    case Outcome::kNotContainer:
      return Fail(ErrorCode::kMismatch, context,
                  fmt::format("the key {} of {} is not there: {} is neither a mapping nor a list, so it has no '{}'",
                              path, interpolation.text, NamePath(selection.reached), Quotable(selection.step)));
    case Outcome::kBadIndex:
      return Fail(ErrorCode::kMismatch, context,
                  fmt::format("the key {} of {} is not there: {} is a list, and '{}' is no index", path,
                              interpolation.text, NamePath(selection.reached), Quotable(selection.step)));
  }
  if (selection.target.node) {
    // A subtree that contained itself would have no end.
    for (NodeId id = context.container;; id = tree_.nodes[id].parent) {
      if (id == *selection.target.node) {
        return Fail(ErrorCode::kMismatch, context,
                    fmt::format("{} leads to a mapping or list that holds it (a cycle)", interpolation.text));
      }
      if (id == 0) break;
    }
  }
  return selection.target;
}

Result<ConfigValue> Resolver::Materialize(const Resolved& resolved) {
  return resolved.node ? MaterializeNode(*resolved.node) : resolved.value;
}

Result<ConfigValue> Resolver::MaterializeNode(NodeId id) {
  const TreeNode& node = tree_.nodes[id];
  const Context context{node.parent, id};
  if (node.kind == TreeNode::Kind::kOpaque) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} is {}, which this suite does not read", tree_.PathOf(id), node.problem)};
  }
  if (!node.is_container()) {
    const std::string* text = std::get_if<std::string>(&node.scalar);
    RETURN_IF_ERROR(Count(context, text ? text->size() : 0));
    return FromScalar(node.scalar);
  }
  if (!materializing_.insert(id).second) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("{} holds itself through an interpolation (a cycle)", NamePath(tree_.PathOf(id)))};
  }
  const Leave leave{materializing_, id};
  if (materializing_.size() > static_cast<size_t>(kMaxDepth)) {
    return Fail(ErrorCode::kMismatch, context, fmt::format("interpolations nest it deeper than {} levels", kMaxDepth));
  }
  ConfigValue::List list;
  ConfigValue::Map map;
  for (const TreeNode::Child& child : node.children) {
    const std::string key = node.kind == TreeNode::Kind::kMap ? child.key.text() : "";
    RETURN_IF_ERROR(Count(context, key.size()));
    ASSIGN_OR_RETURN(const Resolved target, Dereference(child.node));
    ASSIGN_OR_RETURN(ConfigValue value, Materialize(target));
    if (node.kind == TreeNode::Kind::kList) {
      list.push_back(std::move(value));
    } else {
      map.emplace_back(key, std::move(value));
    }
  }
  if (node.kind == TreeNode::Kind::kList) return ConfigValue{std::move(list)};
  return ConfigValue{std::move(map)};
}

}  // namespace harness::config_internal
