#include "harness/config/config.h"

#include <fmt/format.h>

#include <utility>

#include "harness/config/resolver.h"
#include "harness/config/scalar.h"
#include "harness/config/tree.h"
#include "harness/config/typed_read.h"
#include "harness/config/yaml_tree.h"

namespace harness::config {

using internal::NodeId;
using internal::Resolved;
using internal::Resolver;
using internal::TreeNode;

struct Config::Tree {
  internal::Tree nodes;
  std::string source;
  Environment environment;

  Error InSource(const Error& error) const { return error.In(source); }
};

Config::Config(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}

Result<Config> Config::Parse(std::string_view yaml, std::string source, Environment environment) {
  auto tree = std::make_shared<Tree>();
  tree->source = std::move(source);
  tree->environment = std::move(environment);
  Result<internal::Tree> nodes = internal::ParseYaml(yaml);
  if (!nodes) return tree->InSource(nodes.error());
  tree->nodes = *std::move(nodes);
  return Config(std::move(tree));
}

Result<Config> Config::FromValue(ConfigValue value, std::string source, Environment environment) {
  auto tree = std::make_shared<Tree>();
  tree->source = std::move(source);
  tree->environment = std::move(environment);
  if (!std::holds_alternative<ConfigValue::Map>(value.data)) {
    return tree->InSource(
        {ErrorCode::kCorrupt, fmt::format("not a mapping of keys to values, but {}", value.Describe())});
  }
  const Result<NodeId> root = AddValue(tree->nodes, value, 0, true);
  if (!root) return tree->InSource(root.error());
  return Config(std::move(tree));
}

const std::string& Config::source() const { return tree_->source; }

Result<ConfigValue> Config::Get(std::string_view path) const {
  Resolver resolver(tree_->nodes, tree_->environment);
  const Result<Resolved> target = resolver.Walk(path);
  if (!target) return tree_->InSource(target.error());
  Result<ConfigValue> value = resolver.ReadAt(*target);
  if (!value) return tree_->InSource(value.error());
  return value;
}

bool Config::Has(std::string_view path) const {
  std::vector<std::string> keys = internal::SplitPath(path);
  if (path.empty()) return true;
  Resolver resolver(tree_->nodes, tree_->environment);
  std::string parent;
  for (size_t i = 0; i + 1 < keys.size(); ++i) parent += fmt::format("[{}]", keys[i]);
  const Result<Resolved> holder = resolver.Walk(parent);
  if (!holder || !holder->node) return holder.ok() && holder->value.Find(keys.back()) != nullptr;
  return internal::FindChild(tree_->nodes, *holder->node, keys.back()) != nullptr;
}

Result<std::vector<std::string>> Config::Keys(std::string_view path) const {
  Resolver resolver(tree_->nodes, tree_->environment);
  const Result<Resolved> target = resolver.Walk(path);
  if (!target) return tree_->InSource(target.error());
  std::vector<std::string> keys;
  if (target->node && tree_->nodes.nodes[*target->node].kind == TreeNode::Kind::kMap) {
    for (const TreeNode::Child& child : tree_->nodes.nodes[*target->node].children) keys.push_back(child.key.text());
    return keys;
  }
  Result<ConfigValue> value = resolver.ReadAt(*target);
  if (!value) return tree_->InSource(value.error());
  const auto* map = std::get_if<ConfigValue::Map>(&value->data);
  if (map == nullptr || !value->environment.empty()) {
    return tree_->InSource(
        {ErrorCode::kMismatch, fmt::format("{} must be a mapping, found {}", path, value->Describe())});
  }
  for (const auto& [key, item] : *map) keys.push_back(key);
  return keys;
}

template <class T>
Result<T> Config::Read(std::string_view path) const {
  Resolver resolver(tree_->nodes, tree_->environment);
  const Result<Resolved> target = resolver.Walk(path);
  if (!target) return tree_->InSource(target.error());
  const std::optional<NodeId> written = resolver.written();
  Result<ConfigValue> value = resolver.ReadAt(*target);
  if (!value) return tree_->InSource(value.error());
  internal::Origin origin{tree_->nodes, written, target->node};
  Result<T> typed = internal::Convert<T>(*value, std::string(path), origin);
  if (!typed) return tree_->InSource(typed.error());
  return typed;
}

Result<int64_t> Config::GetInt(std::string_view path) const { return Read<int64_t>(path); }
Result<double> Config::GetFloat(std::string_view path) const { return Read<double>(path); }
Result<bool> Config::GetBool(std::string_view path) const { return Read<bool>(path); }
Result<std::string> Config::GetString(std::string_view path) const { return Read<std::string>(path); }
Result<std::vector<int64_t>> Config::GetIntList(std::string_view path) const {
  return Read<std::vector<int64_t>>(path);
}
Result<std::vector<std::string>> Config::GetStringList(std::string_view path) const {
  return Read<std::vector<std::string>>(path);
}

Config Config::With(std::string_view path, ConfigValue value) const {
  auto copy = std::make_shared<Tree>(*tree_);
  internal::SetValue(copy->nodes, path, value);
  copy->nodes = Compact(copy->nodes);
  return Config(std::move(copy));
}

Config Config::Without(std::string_view path) const {
  auto copy = std::make_shared<Tree>(*tree_);
  internal::RemoveValue(copy->nodes, path);
  copy->nodes = Compact(copy->nodes);
  return Config(std::move(copy));
}

}  // namespace harness::config
