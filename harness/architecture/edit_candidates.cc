#include "harness/architecture/edit_candidates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace harness::architecture {

std::string FormatYaml(const config::ConfigValue& value) {
  if (value.is_null()) return "null";
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value.data)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&value.data)) return fmt::format("{}", *number);
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  std::vector<std::string> items;
  if (const auto* list = std::get_if<config::ConfigValue::List>(&value.data)) {
    for (const config::ConfigValue& item : *list) items.push_back(FormatYaml(item));
  }
  return fmt::format("[{}]", fmt::join(items, ", "));
}

std::string ConfigEdit::Text() const { return fmt::format("{}: {}", key, FormatYaml(value)); }

}  // namespace harness::architecture
