#include "harness/config/value.h"

#include <fmt/format.h>

#include <cstdlib>

#include "harness/config/scalar.h"

namespace harness::config {

namespace {

const char* FindConditionerKind(const ConfigValue& value) {
  static constexpr const char* kKinds[] = {"null",   "a boolean", "an integer", "a float",
                                           "a text", "a list",    "a mapping"};
  return kKinds[value.data.index()];
}

}  // namespace

std::string ConfigValue::Describe() const {
  if (!environment.empty())
    return fmt::format("{} from {} (its value is not shown)", FindConditionerKind(*this), environment);
  if (const bool* b = std::get_if<bool>(&data)) return *b ? "the boolean true" : "the boolean false";
  if (const int64_t* i = std::get_if<int64_t>(&data)) return fmt::format("the integer {}", *i);
  if (const double* d = std::get_if<double>(&data)) return fmt::format("the float {}", internal::FormatPythonStr(*d));
  if (const std::string* s = std::get_if<std::string>(&data))
    return fmt::format("the text '{}'", internal::CanQuote(*s));
  if (const List* list = std::get_if<List>(&data)) return fmt::format("a list of {}", list->size());
  if (const Map* map = std::get_if<Map>(&data)) return fmt::format("a mapping of {} keys", map->size());
  return "null";
}

ConfigValue ConfigValue::WithoutQuotes() const {
  const auto* text = std::get_if<std::string>(&data);
  if (text == nullptr) return *this;
  const auto scalar = internal::ConstructScalar(internal::ResolvePlain(*text), *text);
  if (!scalar) return *this;
  return std::visit([&](const auto& value) { return ConfigValue{value, environment}; }, *scalar);
}

std::string ConfigValue::FromEnvironment() const {
  std::string written = environment;
  if (const List* list = std::get_if<List>(&data)) {
    for (size_t i = 0; written.empty() && i < list->size(); ++i) written = (*list)[i].FromEnvironment();
  } else if (const Map* map = std::get_if<Map>(&data)) {
    for (size_t i = 0; written.empty() && i < map->size(); ++i) written = (*map)[i].second.FromEnvironment();
  }
  return written;
}

void ConfigValue::MarkAsEnvironment(const std::string& written) {
  environment = written;
  if (List* list = std::get_if<List>(&data)) {
    for (ConfigValue& item : *list) item.MarkAsEnvironment(written);
  } else if (Map* map = std::get_if<Map>(&data)) {
    for (auto& [key, item] : *map) item.MarkAsEnvironment(written);
  }
}

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

const ConfigValue* ConfigValue::Find(std::string_view key) const {
  const Map* map = std::get_if<Map>(&data);
  if (map == nullptr) return nullptr;
  for (const auto& [name, value] : *map) {
    if (name == key) return &value;
  }
  return nullptr;
}

}  // namespace harness::config
