#include "harness/export/plain_config.h"

#include <fmt/format.h>

namespace harness::exports {
namespace {

// A key of a pickled dict as a config key: Python's text of it, as Config::Get spells keys that are not text.
std::string KeyText(const pickle::PlainValue& key) {
  switch (key.kind) {
    case pickle::PlainValue::Kind::kString: return key.text;
    case pickle::PlainValue::Kind::kBool: return key.boolean ? "True" : "False";
    case pickle::PlainValue::Kind::kInt: return std::to_string(key.integer);
    case pickle::PlainValue::Kind::kFloat: return fmt::format("{}", key.real);
    default: return "None";
  }
}

}  // namespace

config::ConfigValue ToConfigValue(const pickle::PlainValue& value) {
  switch (value.kind) {
    case pickle::PlainValue::Kind::kNull: return {std::monostate{}};
    case pickle::PlainValue::Kind::kBool: return {value.boolean};
    case pickle::PlainValue::Kind::kInt: return {value.integer};
    case pickle::PlainValue::Kind::kFloat: return {value.real};
    case pickle::PlainValue::Kind::kString:
    case pickle::PlainValue::Kind::kBytes: return {value.text};
    case pickle::PlainValue::Kind::kList: {
      config::ConfigValue::List list;
      for (const pickle::PlainValue& item : value.items) list.push_back(ToConfigValue(item));
      return {std::move(list)};
    }
    case pickle::PlainValue::Kind::kDict: {
      config::ConfigValue::Map map;
      for (size_t i = 0; i < value.items.size(); ++i)
        map.emplace_back(KeyText(value.keys[i]), ToConfigValue(value.items[i]));
      return {std::move(map)};
    }
  }
  return {std::monostate{}};
}

}  // namespace harness::exports
