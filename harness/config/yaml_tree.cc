#include "harness/config/yaml_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "harness/config/yaml_graph.h"

namespace harness::config::internal {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

// What the safe loader makes of a tag, where it isn't one of the typed scalars.
enum class TagClass { kCore, kOpaque, kUnknown };

struct ResolvedTag {
  TagClass tag_class = TagClass::kCore;
  ScalarTag scalar = ScalarTag::kText;
  YamlNode::Kind kind = YamlNode::Kind::kScalar;  // that the tag asks for
};

ResolvedTag Resolve(const YamlNode& node) {
  ResolvedTag out;
  out.kind = node.kind;
  if (node.tag.empty()) {
    if (node.kind == YamlNode::Kind::kScalar && node.plain) out.scalar = ResolvePlain(node.text);
    return out;
  }
  static const std::unordered_map<std::string_view, ScalarTag> kScalars = {
      {"null", ScalarTag::kNull},   {"bool", ScalarTag::kBool}, {"int", ScalarTag::kInt},
      {"float", ScalarTag::kFloat}, {"str", ScalarTag::kText},  {"merge", ScalarTag::kMerge},
      {"value", ScalarTag::kValue},
  };
  const std::string_view tag = node.tag;
  if (tag.substr(0, kTagPrefix.size()) != kTagPrefix) {
    out.tag_class = TagClass::kUnknown;
    return out;
  }
  const std::string_view name = tag.substr(kTagPrefix.size());
  if (const auto scalar = kScalars.find(name); scalar != kScalars.end()) {
    out.scalar = scalar->second;
    out.kind = YamlNode::Kind::kScalar;
  } else if (name == "seq") {
    out.kind = YamlNode::Kind::kList;
  } else if (name == "map") {
    out.kind = YamlNode::Kind::kMap;
  } else if (name == "binary" || name == "omap" || name == "pairs" || name == "python/object/apply:pathlib.Path" ||
             name == "python/object/apply:pathlib.PosixPath") {
    out.tag_class = TagClass::kOpaque;
  } else {
    out.tag_class = TagClass::kUnknown;  // !!set and !!timestamp load, but OmegaConf refuses their values
  }
  return out;
}

class TreeBuilder {
 public:
  explicit TreeBuilder(const YamlGraph& graph) : graph_(graph) {}

  Result<Tree> Run() {
    if (!graph_.nodes.empty()) {
      HARNESS_RETURN_IF_ERROR(Build(graph_.root, 0, Place(), 0));
      TreeNode& root = tree_.nodes[0];
      if (root.kind == TreeNode::Kind::kMap) return std::move(tree_);
      const std::string* text = std::get_if<std::string>(&root.scalar);
      if (text != nullptr) return LoneText(*text);
      if (!std::holds_alternative<std::monostate>(root.scalar) || root.kind != TreeNode::Kind::kScalar) {
        return Error{ErrorCode::kCorrupt, fmt::format("not a mapping of keys to values, but {}",
                                                      root.kind == TreeNode::Kind::kList
                                                          ? "a list"
                                                          : "the single value " + FormatPythonStr(root.scalar))};
      }
    }
    Tree empty;
    TreeNode root;
    root.kind = TreeNode::Kind::kMap;
    empty.Add(std::move(root));
    return empty;
  }

 private:
  struct Pair {
    Key key;
    uint32_t key_node;
    uint32_t value_node;
  };

  static Result<Tree> LoneText(const std::string& text) {
    Tree tree;
    HARNESS_RETURN_IF_ERROR(AddValue(tree, ConfigValue{ConfigValue::Map{{text, ConfigValue{}}}}, 0, true));
    return tree;
  }

  Error At(uint32_t yaml, const Place& place, std::string_view message) const {
    const YamlNode& node = graph_.nodes[yaml];
    return Error{ErrorCode::kCorrupt,
                 fmt::format("line {}, column {}: {} {}", node.line, node.column, place.Path(), message)};
  }

  Result<NodeId> Build(uint32_t yaml, NodeId parent, const Place& place, int depth) {
    const YamlNode& source = graph_.nodes[yaml];
    if (depth > kMaxDepth) return At(yaml, place, fmt::format("is nested deeper than {} levels", kMaxDepth));
    if (tree_.nodes.size() >= kMaxNodes) {
      return At(yaml, place, fmt::format("is beyond {} values: aliases that multiply?", kMaxNodes));
    }
    TreeNode node;
    node.parent = parent;
    node.style = !source.tag.empty() ? TreeNode::Style::kTagged
                 : source.plain      ? TreeNode::Style::kPlain
                                     : TreeNode::Style::kQuoted;
    const ResolvedTag tag = Resolve(source);
    if (tag.tag_class == TagClass::kUnknown) {
      const bool python = source.tag.starts_with("tag:yaml.org,2002:python/");
      return At(
          yaml, place,
          fmt::format("has the tag '{}', which OmegaConf cannot load{}", CanQuote(source.tag),
                      python ? ": yaml.dump writes objects so; xp.cfg is what OmegaConf.to_yaml(cfg) gives" : ""));
    }
    if (tag.tag_class == TagClass::kOpaque) {
      node.kind = TreeNode::Kind::kOpaque;
      node.problem = fmt::format("a value with the tag '{}'", source.tag);
      return tree_.Add(std::move(node));
    }
    if (tag.kind != source.kind) {
      return At(yaml, place, fmt::format("has the tag '{}', but is not written as one", CanQuote(source.tag)));
    }
    if (source.kind == YamlNode::Kind::kList) return BuildList(yaml, std::move(node), place, depth);
    if (source.kind == YamlNode::Kind::kMap) return BuildMap(yaml, std::move(node), place, depth);

    HARNESS_RETURN_IF_ERROR(CountText(yaml, place, source.text));
    std::optional<Scalar> scalar = ConstructScalar(tag.scalar, source.text);
    if (!scalar) {
      return At(yaml, place,
                source.tag.empty()
                    ? fmt::format("is '{}', which the YAML loader cannot read: put it in quotes", CanQuote(source.text))
                    : fmt::format("is '{}', which is not of the tag '{}'", CanQuote(source.text), source.tag));
    }
    SetScalar(node, *std::move(scalar));
    if (node.kind == TreeNode::Kind::kInterpolation && node.pieces == nullptr) {
      return At(yaml, place,
                fmt::format("is the malformed interpolation '{}': {}", CanQuote(source.text), node.problem));
    }
    return tree_.Add(std::move(node));
  }

  Result<NodeId> BuildList(uint32_t yaml, TreeNode node, const Place& place, int depth) {
    node.kind = TreeNode::Kind::kList;
    const NodeId id = tree_.Add(std::move(node));
    const std::vector<uint32_t>& items = graph_.nodes[yaml].children;
    for (size_t i = 0; i < items.size(); ++i) {
      HARNESS_ASSIGN_OR_RETURN(const NodeId child, Build(items[i], id, {&place, {}, i}, depth + 1));
      tree_.nodes[id].children.push_back({{}, child});
    }
    return id;
  }

  Result<NodeId> BuildMap(uint32_t yaml, TreeNode node, const Place& place, int depth) {
    node.kind = TreeNode::Kind::kMap;
    const NodeId id = tree_.Add(std::move(node));
    std::vector<Pair> pairs;
    size_t budget = 2 * kMaxNodes;
    HARNESS_RETURN_IF_ERROR(Flatten(yaml, place, depth, budget, pairs));
    // The first occurrence of a key gives its place, the last one its value.
    std::vector<Pair> unique;
    KeySlots slots;
    for (Pair& pair : pairs) {
      const size_t slot = slots.SlotFor(pair.key, unique.size());
      if (slot < unique.size()) {
        unique[slot].value_node = pair.value_node;
      } else {
        unique.push_back(std::move(pair));
      }
    }
    for (const Pair& pair : unique) {
      const std::string key = pair.key.text();
      HARNESS_RETURN_IF_ERROR(CountText(pair.key_node, place, key));
      if (std::holds_alternative<std::monostate>(pair.key.value)) {
        return At(pair.key_node, place, "has a null key: OmegaConf takes texts, numbers and booleans for keys");
      }
      HARNESS_ASSIGN_OR_RETURN(const NodeId child, Build(pair.value_node, id, {&place, key, std::nullopt}, depth + 1));
      tree_.nodes[id].children.push_back({pair.key, child});
    }
    return id;
  }

  // An alias copies a text each time it is used.
  Status CountText(uint32_t yaml, const Place& place, std::string_view text) {
    text_bytes_ += text.size();
    if (text_bytes_ > kMaxTextBytes)
      return At(yaml, place, fmt::format("is beyond {} bytes of text: aliases that multiply?", kMaxTextBytes));
    return {};
  }

  // The pairs of a mapping, those that it merges in first, so that its own keys win.
  Status Flatten(uint32_t yaml, const Place& place, int depth, size_t& budget, std::vector<Pair>& out) const {
    if (depth > kMaxDepth) return At(yaml, place, fmt::format("is nested deeper than {} levels", kMaxDepth));
    const YamlNode& map = graph_.nodes[yaml];
    std::vector<Pair> own;
    std::unordered_map<std::string_view, int> seen;  // text keys of the source, with their lines
    for (size_t i = 0; i + 1 < map.children.size(); i += 2) {
      const uint32_t key_id = map.children[i];
      const uint32_t value_id = map.children[i + 1];
      if (budget == 0) return At(yaml, place, "merges more values than a config can hold");
      --budget;
      const YamlNode& key_node = graph_.nodes[key_id];
      const ResolvedTag tag = Resolve(key_node);
      if (tag.tag_class != TagClass::kCore || key_node.kind != YamlNode::Kind::kScalar ||
          tag.kind != YamlNode::Kind::kScalar) {
        return At(key_id, place, "has a key that is not a text, a number or a boolean");
      }
      if (tag.scalar == ScalarTag::kMerge) {
        HARNESS_RETURN_IF_ERROR(Merge(value_id, place, depth, budget, out));
        continue;
      }
      if (tag.scalar == ScalarTag::kText) {
        const auto [first, is_new] = seen.emplace(key_node.text, key_node.line);
        if (!is_new) {
          return At(key_id, {&place, key_node.text, std::nullopt},
                    fmt::format("is there twice: the first one is in line {}; remove one", first->second));
        }
      }
      const ScalarTag key_tag = tag.scalar == ScalarTag::kValue ? ScalarTag::kText : tag.scalar;
      std::optional<Scalar> key = ConstructScalar(key_tag, key_node.text);
      if (!key)
        return At(key_id, place,
                  fmt::format("has the key '{}', which the YAML loader cannot read", CanQuote(key_node.text)));
      own.push_back({{*std::move(key)}, key_id, value_id});
    }
    std::move(own.begin(), own.end(), std::back_inserter(out));
    return {};
  }

  // One `<<`: a mapping, or a list of mappings of which an earlier one wins.
  Status Merge(uint32_t yaml, const Place& place, int depth, size_t& budget, std::vector<Pair>& out) const {
    const YamlNode& source = graph_.nodes[yaml];
    if (source.kind == YamlNode::Kind::kMap) return Flatten(yaml, place, depth + 1, budget, out);
    const auto is_map = [&](uint32_t id) { return graph_.nodes[id].kind == YamlNode::Kind::kMap; };
    if (source.kind != YamlNode::Kind::kList || !std::all_of(source.children.begin(), source.children.end(), is_map)) {
      return At(yaml, place, "merges (<<) something that is neither a mapping nor a list of mappings");
    }
    for (auto item = source.children.rbegin(); item != source.children.rend(); ++item) {
      HARNESS_RETURN_IF_ERROR(Flatten(*item, place, depth + 1, budget, out));
    }
    return {};
  }

  const YamlGraph& graph_;
  Tree tree_;
  size_t text_bytes_ = 0;
};

}  // namespace

Result<Tree> ParseYaml(std::string_view text) {
  HARNESS_ASSIGN_OR_RETURN(const YamlGraph graph, ReadYaml(text));
  return TreeBuilder(graph).Run();
}

}  // namespace harness::config::internal
