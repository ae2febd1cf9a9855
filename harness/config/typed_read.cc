#include "harness/config/typed_read.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "harness/config/scalar.h"

namespace harness::config {

std::string FindEnvironmentProblem(const std::string& written) {
  return fmt::format(
      "takes its value from {}, the environment of whoever loads the export: what it holds here says nothing of other "
      "machines",
      written);
}

}  // namespace harness::config

namespace harness::config::internal {
namespace {

constexpr const char* kEnvironmentRemedy = "Write the value into the config";

template <class T>
struct Wanted;
template <>
struct Wanted<int64_t> {
  static constexpr std::string_view kName = "an integer";
  static bool Is(ScalarTag tag) { return tag == ScalarTag::kInt; }
};
template <>
struct Wanted<double> {
  static constexpr std::string_view kName = "a number";
  static bool Is(ScalarTag tag) { return tag == ScalarTag::kFloat || tag == ScalarTag::kInt; }
};
template <>
struct Wanted<bool> {
  static constexpr std::string_view kName = "a boolean (true or false)";
  static bool Is(ScalarTag tag) { return tag == ScalarTag::kBool; }
};
template <>
struct Wanted<std::string> {
  static constexpr std::string_view kName = "a text";
  static bool Is(ScalarTag) { return false; }
};

// What to change, where the mistake is one of the usual ones.
template <class T>
std::string Hint(const ConfigValue& value, const Origin& origin) {
  if (!value.environment.empty() && !std::holds_alternative<std::string>(value.data)) return "";
  if (const std::string* text = std::get_if<std::string>(&value.data)) {
    if (!Wanted<T>::Is(ResolvePlain(*text))) return "";
    const bool direct = origin.written && origin.written == origin.target;
    if (!direct && !origin.target)
      return " (an interpolation makes a text of it: oc.env and joined texts always do; wrap it in ${oc.decode:...})";
    const TreeNode& node = origin.tree.nodes[*origin.target];
    const std::string where = direct ? "" : fmt::format(" at {}", origin.tree.PathOf(*origin.target));
    if (node.style == TreeNode::Style::kQuoted)
      return fmt::format(" (in quotes in the YAML{}: remove the quotes)", where);
    if (node.style == TreeNode::Style::kTagged)
      return fmt::format(" (tagged as a text in the YAML{}: remove the tag)", where);
    return "";
  }
  const double* number = std::get_if<double>(&value.data);
  if (std::is_same_v<T, int64_t> && number != nullptr && std::abs(*number) < 1e15 && std::trunc(*number) == *number) {
    return fmt::format(" (write {:.0f})", *number);
  }
  if (std::is_same_v<T, std::string> && !value.is_null() && origin.target &&
      origin.tree.nodes[*origin.target].style == TreeNode::Style::kPlain &&
      !origin.tree.nodes[*origin.target].is_container()) {
    return " (put it in quotes in the YAML)";
  }
  return "";
}

template <class T>
Result<T> ConvertScalar(const ConfigValue& value, const std::string& path, const Origin& origin) {
  const auto as_wanted = [&]() -> std::optional<T> {
    if (const T* typed = std::get_if<T>(&value.data)) return *typed;
    if constexpr (std::is_same_v<T, double>) {
      if (const int64_t* i = std::get_if<int64_t>(&value.data)) return static_cast<double>(*i);
    }
    return std::nullopt;
  };
  std::optional<T> typed = as_wanted();
  if (typed && !value.environment.empty()) {
    return Error{ErrorCode::kUnsupported, fmt::format("{} {}", path, FindEnvironmentProblem(value.environment)),
                 kEnvironmentRemedy};
  }
  if (typed) return *std::move(typed);
  Error error{ErrorCode::kMismatch, fmt::format("{} must be {}, found {}{}", path.empty() ? "the config" : path,
                                                Wanted<T>::kName, value.Describe(), Hint<T>(value, origin))};
  const std::string* text = std::get_if<std::string>(&value.data);
  if (text != nullptr && value.environment.empty() && Wanted<T>::Is(ResolvePlain(*text)))
    error.remedy = fmt::format("Write {} without quotes in {}", *text, path);
  return error;
}

template <class T>
Result<std::vector<T>> ConvertList(const ConfigValue& value, const std::string& path, const Origin& origin) {
  const auto* list = std::get_if<ConfigValue::List>(&value.data);
  if (list == nullptr) {
    constexpr bool kInts = std::is_same_v<T, int64_t>;
    return Error{ErrorCode::kMismatch,
                 fmt::format("{} must be a list of {}, found {}", path.empty() ? "the config" : path,
                             kInts ? "integers" : "texts", value.Describe())};
  }
  std::vector<T> out;
  for (size_t i = 0; i < list->size(); ++i) {
    std::optional<NodeId> item;
    if (origin.target && origin.tree.nodes[*origin.target].kind == TreeNode::Kind::kList &&
        i < origin.tree.nodes[*origin.target].children.size()) {
      item = origin.tree.nodes[*origin.target].children[i].node;
    }
    const bool interpolated = item && origin.tree.nodes[*item].kind == TreeNode::Kind::kInterpolation;
    const Origin item_origin{origin.tree, item, interpolated ? std::nullopt : item};
    HARNESS_ASSIGN_OR_RETURN(T element, ConvertScalar<T>((*list)[i], fmt::format("{}[{}]", path, i), item_origin));
    out.push_back(std::move(element));
  }
  return out;
}

}  // namespace

template <>
Result<int64_t> Convert(const ConfigValue& value, const std::string& path, const Origin& origin) {
  return ConvertScalar<int64_t>(value, path, origin);
}
template <>
Result<double> Convert(const ConfigValue& value, const std::string& path, const Origin& origin) {
  return ConvertScalar<double>(value, path, origin);
}
template <>
Result<bool> Convert(const ConfigValue& value, const std::string& path, const Origin& origin) {
  return ConvertScalar<bool>(value, path, origin);
}
template <>
Result<std::string> Convert(const ConfigValue& value, const std::string& path, const Origin& origin) {
  return ConvertScalar<std::string>(value, path, origin);
}
template <>
Result<std::vector<int64_t>> Convert(const ConfigValue& value, const std::string& path, const Origin& origin) {
  return ConvertList<int64_t>(value, path, origin);
}
template <>
Result<std::vector<std::string>> Convert(const ConfigValue& value, const std::string& path, const Origin& origin) {
  return ConvertList<std::string>(value, path, origin);
}

}  // namespace harness::config::internal
