// Following key paths: those that a reader asks for, and those inside of interpolations.
#include <fmt/format.h>

#include <utility>

#include "harness/base/suggest.h"
#include "harness/config/resolver.h"

namespace harness::config::internal {
namespace {

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

}  // namespace

std::string Resolver::Suggest(NodeId map, std::string_view key) const {
  std::vector<std::string> keys;
  for (const TreeNode::Child& child : tree_.nodes[map].children) {
    if (child.key.is_text()) {
      keys.push_back(child.key.text());
    } else if (child.key.text() == key) {
      return fmt::format(" (there is the key {}, which is not a text: put it in quotes in the YAML)", key);
    }
  }
  const std::optional<std::string> nearest = FindNearest(key, keys);
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
                     fmt::format("{}{} is a list, and '{}' is not an index", NamePath(done), via, key)};
      case Outcome::kNotContainer:
        return Error{ErrorCode::kMismatch, fmt::format("{} must be a mapping or a list to hold {}, found {}",
                                                       NamePath(done), here, Describe(at))};
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
      HARNESS_ASSIGN_OR_RETURN(last.target, Dereference(*last.target.node));
    }
  }
  return last;
}

Result<Resolved> Resolver::FollowPath(const std::string& path, const Interpolation& interpolation,
                                      const Context& context) {
  HARNESS_ASSIGN_OR_RETURN(const Selection selection, SelectPath(path, context, true));
  switch (selection.outcome) {
    case Outcome::kFound: break;
    case Outcome::kMissing:
      return Fail(ErrorCode::kMismatch, context,
                  fmt::format("the key {} of {} is ???, a missing mandatory value: set it", path, interpolation.text));
    case Outcome::kNoKey:
      return Fail(ErrorCode::kMismatch, context,
                  fmt::format("the key {} of {} is not there: {} has no '{}'{}", path, interpolation.text,
                              NamePath(selection.reached), CanQuote(selection.step), selection.suggestion));
    case Outcome::kNotContainer:
      return Fail(ErrorCode::kMismatch, context,
                  fmt::format("the key {} of {} is not there: {} is neither a mapping nor a list, so it has no '{}'",
                              path, interpolation.text, NamePath(selection.reached), CanQuote(selection.step)));
    case Outcome::kBadIndex:
      return Fail(ErrorCode::kMismatch, context,
                  fmt::format("the key {} of {} is not there: {} is a list, and '{}' is not an index", path,
                              interpolation.text, NamePath(selection.reached), CanQuote(selection.step)));
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

}  // namespace harness::config::internal
