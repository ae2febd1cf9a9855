#include <fmt/format.h>

#include "harness/config/config.h"
#include "harness/config/scalar.h"

namespace harness {

std::string ConfigValue::Describe() const {
  if (const bool* b = std::get_if<bool>(&data)) return *b ? "the boolean true" : "the boolean false";
  if (const int64_t* i = std::get_if<int64_t>(&data)) return fmt::format("the integer {}", *i);
  if (const double* d = std::get_if<double>(&data)) return fmt::format("the float {}", config_internal::PythonStr(*d));
  if (const std::string* s = std::get_if<std::string>(&data))
    return fmt::format("the text '{}'", config_internal::Quotable(*s));
  if (const List* list = std::get_if<List>(&data)) return fmt::format("a list of {}", list->size());
  if (const Map* map = std::get_if<Map>(&data)) return fmt::format("a mapping of {} keys", map->size());
  return "null";
}

ConfigValue ConfigValue::WithoutQuotes() const {
  const auto* text = std::get_if<std::string>(&data);
  if (text == nullptr) return *this;
  const auto scalar = config_internal::ConstructScalar(config_internal::ResolvePlain(*text), *text);
  if (!scalar) return *this;
  return std::visit([](const auto& value) { return ConfigValue{value}; }, *scalar);
}

const ConfigValue* ConfigValue::Find(std::string_view key) const {
  const Map* map = std::get_if<Map>(&data);
  if (map == nullptr) return nullptr;
  for (const auto& [name, value] : *map) {
    if (name == key) return &value;
  }
  return nullptr;
}

}  // namespace harness
