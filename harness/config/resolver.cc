#include "harness/config/resolver.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace harness::config::internal {
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

}  // namespace

ConfigValue FromScalar(const Scalar& scalar) {
  return std::visit([](const auto& v) { return ConfigValue{v}; }, scalar);
}

std::string Resolver::Describe(const Resolved& resolved) const {
  if (!resolved.node) return resolved.value.Describe();
  const TreeNode& node = tree_.nodes[*resolved.node];
  switch (node.kind) {
    case TreeNode::Kind::kMissing: return "???";
    case TreeNode::Kind::kMap: return fmt::format("a mapping of {} keys", node.children.size());
    case TreeNode::Kind::kList: return fmt::format("a list of {}", node.children.size());
    case TreeNode::Kind::kOpaque: return node.problem;
    default: return FromScalar(node.scalar).Describe();
  }
}

std::string NamePath(std::string_view path) { return path.empty() ? "the config" : std::string(path); }

Error Resolver::Fail(ErrorCode code, const Context& context, std::string_view message) const {
  const std::string* text = std::get_if<std::string>(&tree_.nodes[context.node].scalar);
  const std::string path = NamePath(tree_.PathOf(context.node));
  return Error{code, text ? fmt::format("{} is '{}': {}", path, CanQuote(*text), message)
                          : fmt::format("{}: {}", path, message)};
}

Status Resolver::Count(const Context& context, size_t text_bytes) {
  text_bytes_ += text_bytes;
  if (++steps_ <= 2 * kMaxNodes && text_bytes_ <= kMaxTextBytes) return {};
  return Fail(ErrorCode::kMismatch, context,
              fmt::format("interpolations multiply: the value expands to more than {} values or {} bytes of text",
                          kMaxNodes, kMaxTextBytes));
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
  HARNESS_RETURN_IF_ERROR(Count(context, 0));
  if (!following_.insert(id).second)
    return Fail(ErrorCode::kMismatch, context, "the interpolation leads back to itself (a cycle)");
  const Leave leave{following_, id};
  return Evaluate(*node.pieces, context);
}

Result<Resolved> Resolver::Evaluate(const Template& pieces, const Context& context) {
  if (pieces.size() == 1 && pieces[0].interpolation != nullptr) return Evaluate(*pieces[0].interpolation, context);
  std::string out, environment;
  for (const Piece& piece : pieces) {
    if (piece.interpolation == nullptr) {
      HARNESS_RETURN_IF_ERROR(Count(context, piece.text.size()));
      out += piece.text;
      continue;
    }
    HARNESS_ASSIGN_OR_RETURN(const Resolved part, Evaluate(*piece.interpolation, context));
    HARNESS_ASSIGN_OR_RETURN(const std::string text, Str(part, context));
    out += text;
    if (environment.empty()) environment = EnvironmentOf(part);
  }
  return Resolved{std::nullopt, {std::move(out), std::move(environment)}, false};
}

Result<Resolved> Resolver::Evaluate(const Interpolation& interpolation, const Context& context) {
  const Deeper deeper(depth_);
  if (depth_ > kMaxNesting) {
    return Fail(ErrorCode::kMismatch, context,
                fmt::format("more than {} interpolations lead to each other", kMaxNesting));
  }
  HARNESS_ASSIGN_OR_RETURN(const ConfigValue name, JoinName(interpolation.name, interpolation, context));
  const std::string& text = std::get<std::string>(name.data);
  Result<Resolved> target =
      interpolation.is_resolver ? CallResolver(text, interpolation, context) : FollowPath(text, interpolation, context);
  if (!target.ok() && !name.environment.empty()) return Hide(target.error(), context, name.environment);
  return target;
}

Error Resolver::Hide(const Error& error, const Context& context, const std::string& environment) const {
  return Fail(error.code, context,
              fmt::format("it can't be resolved with what {} holds here (its value is not shown). Write what is meant "
                          "into the config: whoever loads the export has another environment",
                          environment));
}

Result<Resolved> Resolver::Evaluate(const Element& element, const Context& context) {
  const auto value_of = [](const Resolved& r, const Tree& tree) {
    return r.node ? FromScalar(tree.nodes[*r.node].scalar) : r.value;
  };
  const std::string* literal = std::get_if<std::string>(&element.scalar);
  HARNESS_RETURN_IF_ERROR(Count(context, literal ? literal->size() : 0));
  Resolved out;
  switch (element.kind) {
    case Element::Kind::kScalar: out.value = FromScalar(element.scalar); return out;
    case Element::Kind::kPieces: return Evaluate(element.pieces, context);
    case Element::Kind::kQuoted: {
      HARNESS_ASSIGN_OR_RETURN(const Resolved inner, Evaluate(element.pieces, context));
      HARNESS_ASSIGN_OR_RETURN(std::string text, Str(inner, context));
      out.value = {std::move(text), EnvironmentOf(inner)};
      return out;
    }
    case Element::Kind::kList:
    case Element::Kind::kMap: break;
  }
  ConfigValue::List items;
  for (const Element& item : element.items) {
    HARNESS_ASSIGN_OR_RETURN(const Resolved resolved, Evaluate(item, context));
    if (resolved.node && tree_.nodes[*resolved.node].is_container()) {
      HARNESS_ASSIGN_OR_RETURN(ConfigValue subtree, Materialize(resolved));
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
      map.emplace_back(FormatPythonStr(element.keys[i]), std::move(items[i]));
    }
  }
  out.value.data = std::move(map);
  return out;
}

Result<ConfigValue> Resolver::JoinName(const Template& pieces, const Interpolation& interpolation,
                                       const Context& context) {
  std::string out, environment;
  for (const Piece& piece : pieces) {
    if (piece.interpolation == nullptr) {
      out += piece.text;
      continue;
    }
    HARNESS_ASSIGN_OR_RETURN(const Resolved part, Evaluate(*piece.interpolation, context));
    const std::optional<std::string> text = TextOf(part);
    if (!text) {
      return Fail(ErrorCode::kMismatch, context,
                  fmt::format("{} is part of the key {}, so it must be a text, found {}", piece.interpolation->text,
                              interpolation.text, Describe(part)));
    }
    out += *text;
    if (environment.empty()) environment = EnvironmentOf(part);
  }
  return ConfigValue{std::move(out), std::move(environment)};
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
    HARNESS_RETURN_IF_ERROR(Count(context, text ? text->size() : 0));
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
    HARNESS_RETURN_IF_ERROR(Count(context, key.size()));
    HARNESS_ASSIGN_OR_RETURN(const Resolved target, Dereference(child.node));
    HARNESS_ASSIGN_OR_RETURN(ConfigValue value, Materialize(target));
    if (node.kind == TreeNode::Kind::kList) {
      list.push_back(std::move(value));
    } else {
      map.emplace_back(key, std::move(value));
    }
  }
  if (node.kind == TreeNode::Kind::kList) return ConfigValue{std::move(list)};
  return ConfigValue{std::move(map)};
}

}  // namespace harness::config::internal
