// OmegaConf's own resolvers, `${oc.name:arguments}`, and Python's str() of what they return.
#include <fmt/format.h>

#include <utility>

#include "harness/config/resolver.h"

namespace harness::config::internal {
namespace {

constexpr size_t kMaxDecoded = size_t{64} << 10;  // bytes of a text given to oc.decode

std::string Repr(const ConfigValue& value) {
  if (const auto* list = std::get_if<ConfigValue::List>(&value.data)) {
    std::string out = "[";
    for (const ConfigValue& item : *list) out += (out.size() > 1 ? ", " : "") + Repr(item);
    return out + "]";
  }
  if (const auto* map = std::get_if<ConfigValue::Map>(&value.data)) {
    std::string out = "{";
    for (const auto& [key, item] : *map)
      out += (out.size() > 1 ? ", " : "") + FormatPythonRepr(key) + ": " + Repr(item);
    return out + "}";
  }
  if (const auto* b = std::get_if<bool>(&value.data)) return FormatPythonRepr(*b);
  if (const auto* i = std::get_if<int64_t>(&value.data)) return FormatPythonRepr(*i);
  if (const auto* d = std::get_if<double>(&value.data)) return FormatPythonRepr(*d);
  if (const auto* s = std::get_if<std::string>(&value.data)) return FormatPythonRepr(*s);
  return "None";
}

}  // namespace

Result<std::string> Resolver::Str(const Resolved& resolved, const Context& context) {
  if (resolved.node) {
    const TreeNode& node = tree_.nodes[*resolved.node];
    if (node.kind == TreeNode::Kind::kOpaque) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{} is {}, which this suite does not read", tree_.PathOf(*resolved.node), node.problem)};
    }
    std::string text = node.is_container() ? tree_.Repr(*resolved.node) : FormatPythonStr(node.scalar);
    HARNESS_RETURN_IF_ERROR(Count(context, text.size()));
    return text;
  }
  const std::string* literal = std::get_if<std::string>(&resolved.value.data);
  std::string text = literal ? *literal : Repr(resolved.value);
  HARNESS_RETURN_IF_ERROR(Count(context, text.size()));
  return text;
}

Result<Resolved> Resolver::CallResolver(const std::string& name, const Interpolation& interpolation,
                                        const Context& context) {
  std::vector<Resolved> args;
  for (const Element& element : interpolation.args) {
    HARNESS_ASSIGN_OR_RETURN(Resolved arg, Evaluate(element, context));
    args.push_back(std::move(arg));
  }
  std::string environment;
  for (const Resolved& arg : args) environment = environment.empty() ? EnvironmentOf(arg) : environment;
  Result<Resolved> value = Call(name, args, interpolation, context);
  if (!value.ok() && !environment.empty()) return Hide(value.error(), context, environment);
  return value;
}

Result<Resolved> Resolver::Call(const std::string& name, const std::vector<Resolved>& args,
                                const Interpolation& interpolation, const Context& context) {
  if (name == "oc.create") {
    return Fail(ErrorCode::kUnsupported, context,
                fmt::format("the resolver oc.create in {} is not read by this suite", interpolation.text));
  }
  struct Known {
    std::string_view name;
    size_t min_args;
    size_t max_args;
    std::string_view signature;
  };
  static constexpr Known kKnown[] = {
      {"oc.env", 1, 2, "a variable and an optional default"},
      {"oc.decode", 1, 1, "one text"},
      {"oc.select", 1, 2, "a key and an optional default"},
      {"oc.deprecated", 1, 2, "a key and an optional message"},
      {"oc.dict.keys", 1, 1, "a key"},
      {"oc.dict.values", 1, 1, "a key"},
  };
  const Known* known = nullptr;
  for (const Known& candidate : kKnown) {
    if (candidate.name == name) known = &candidate;
  }
  if (known == nullptr) {
    return Fail(
        ErrorCode::kMismatch, context,  // the reference raises UnsupportedInterpolationType
        fmt::format("the resolver '{}' in {} is unknown: OmegaConf brings oc.env, oc.decode, oc.select, oc.dict.keys, "
                    "oc.dict.values and oc.deprecated; audiocraft does not register another",
                    CanQuote(name), interpolation.text));
  }
  if (args.size() < known->min_args || args.size() > known->max_args) {
    return Fail(
        ErrorCode::kMismatch, context,
        fmt::format("{} in {} takes {}, found {} arguments", name, interpolation.text, known->signature, args.size()));
  }
  if (name == "oc.env") return Env(args, interpolation, context);
  if (name == "oc.decode") return Decode(args, interpolation, context);
  if (name == "oc.select") return Select(args, interpolation, context);
  if (name == "oc.deprecated") return Deprecated(args, interpolation, context);
  return DictItems(name == "oc.dict.keys", args, interpolation, context);
}

Result<Resolved> Resolver::Env(const std::vector<Resolved>& args, const Interpolation& interpolation,
                               const Context& context) {
  const std::optional<std::string> variable = TextOf(args[0]);
  if (!variable)
    return Fail(ErrorCode::kMismatch, context, fmt::format("the variable in {} must be a text", interpolation.text));
  const std::optional<std::string> value = environment_ ? environment_(*variable) : std::nullopt;
  Resolved out;
  if (value) {
    out.value = {*value, CanQuote(interpolation.text)};
    return out;
  }
  if (args.size() < 2) {
    return Fail(
        ErrorCode::kMismatch, context,
        fmt::format(
            "the environment variable {0} is not set, and {1} has no default: set {0}, or give a default in the "
            "config (${{oc.env:{0},default}})",
            CanQuote(*variable), interpolation.text));
  }
  const bool null = args[1].node ? std::holds_alternative<std::monostate>(tree_.nodes[*args[1].node].scalar) &&
                                       tree_.nodes[*args[1].node].kind == TreeNode::Kind::kScalar
                                 : args[1].value.is_null();
  if (null) return out;
  HARNESS_ASSIGN_OR_RETURN(std::string text, Str(args[1], context));
  out.value = {std::move(text), EnvironmentOf(args[1])};
  return out;
}

Result<Resolved> Resolver::Decode(const std::vector<Resolved>& args, const Interpolation& interpolation,
                                  const Context& context) {
  Resolved out;
  const std::optional<std::string> text = TextOf(args[0]);
  if (!text) {
    const bool null = args[0].node ? tree_.nodes[*args[0].node].kind == TreeNode::Kind::kScalar &&
                                         std::holds_alternative<std::monostate>(tree_.nodes[*args[0].node].scalar)
                                   : args[0].value.is_null();
    if (null) return out;
    return Fail(ErrorCode::kMismatch, context, fmt::format("oc.decode in {} takes a text", interpolation.text));
  }
  if (text->size() > kMaxDecoded) {  // a list of single digits takes a hundred times its text
    return Fail(ErrorCode::kUnsupported, context,
                fmt::format("{} is given {} bytes; this suite decodes up to {}", interpolation.text, text->size(),
                            kMaxDecoded));
  }
  const auto parsed = ParseElement(*text);
  if (const auto* error = std::get_if<SyntaxError>(&parsed)) {
    return Fail(ErrorCode::kMismatch, context,
                fmt::format("{} cannot decode '{}': {}", interpolation.text, CanQuote(*text), error->message));
  }
  HARNESS_ASSIGN_OR_RETURN(Resolved decoded, Evaluate(std::get<Element>(parsed), context));
  if (const std::string environment = EnvironmentOf(args[0]); !environment.empty())
    decoded.value.MarkAsEnvironment(environment);
  return decoded;
}

Result<Resolved> Resolver::Select(const std::vector<Resolved>& args, const Interpolation& interpolation,
                                  const Context& context) {
  const std::optional<std::string> key = TextOf(args[0]);
  if (!key) return Fail(ErrorCode::kMismatch, context, fmt::format("the key in {} must be a text", interpolation.text));
  HARNESS_ASSIGN_OR_RETURN(const Selection selection, SelectPath(*key, context, false));
  if (selection.outcome == Outcome::kFound) return selection.target;
  if (selection.outcome == Outcome::kBadIndex) {
    return Fail(ErrorCode::kMismatch, context,
                fmt::format("the key in {} leads into the list {}, and '{}' is not an index", interpolation.text,
                            selection.reached, CanQuote(selection.step)));
  }
  return args.size() > 1 ? args[1] : Resolved{};
}

Result<Resolved> Resolver::Deprecated(const std::vector<Resolved>& args, const Interpolation& interpolation,
                                      const Context& context) {
  const std::optional<std::string> key = TextOf(args[0]);
  if (!key || (args.size() > 1 && !TextOf(args[1]))) {
    return Fail(ErrorCode::kMismatch, context,
                fmt::format("the key and the message in {} must be texts", interpolation.text));
  }
  HARNESS_ASSIGN_OR_RETURN(const Selection selection, SelectPath(*key, context, false));
  // `???` comes through as that text: OmegaConf does not look at it here.
  if (selection.outcome == Outcome::kFound || selection.outcome == Outcome::kMissing) return selection.target;
  return Fail(ErrorCode::kMismatch, context,
              fmt::format("the key {} of {} is not there{}", *key, interpolation.text, selection.suggestion));
}

Result<Resolved> Resolver::DictItems(bool keys, const std::vector<Resolved>& args, const Interpolation& interpolation,
                                     const Context& context) {
  const std::optional<std::string> key = TextOf(args[0]);
  if (!key) return Fail(ErrorCode::kMismatch, context, fmt::format("the key in {} must be a text", interpolation.text));
  HARNESS_ASSIGN_OR_RETURN(const Selection selection, SelectPath(*key, context, true));
  const bool is_map = selection.outcome == Outcome::kFound && selection.target.node &&
                      tree_.nodes[*selection.target.node].kind == TreeNode::Kind::kMap;
  if (!is_map) {
    return Fail(ErrorCode::kMismatch, context,
                fmt::format("the key {} of {} must be a mapping{}", *key, interpolation.text, selection.suggestion));
  }
  Resolved out;
  out.is_config = true;
  ConfigValue::List list;
  for (const TreeNode::Child& child : tree_.nodes[*selection.target.node].children) {
    if (keys) {
      list.push_back(std::visit([](const auto& v) { return ConfigValue{v}; }, child.key.value));
      continue;
    }
    // OmegaConf makes a list of interpolations to the values, so a missing one is an error here, too.
    if (tree_.nodes[child.node].kind == TreeNode::Kind::kMissing) {
      return Fail(ErrorCode::kMismatch, context,
                  fmt::format("{} reads {}, which is ???, a missing mandatory value: set it", interpolation.text,
                              tree_.PathOf(child.node)));
    }
    HARNESS_ASSIGN_OR_RETURN(const Resolved target, Dereference(child.node));
    HARNESS_ASSIGN_OR_RETURN(ConfigValue value, Materialize(target));
    list.push_back(std::move(value));
  }
  out.value.data = std::move(list);
  return out;
}

}  // namespace harness::config::internal
