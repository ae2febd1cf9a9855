#include "harness/export/plain_config.h"

#include <fmt/format.h>

namespace harness {
namespace {

// A key of a pickled dict as a config key: Python's text of it, as Config::Get spells keys that are not text.
std::string KeyText(const PlainValue& key) {
  switch (key.kind) {
    case PlainValue::Kind::kString: return key.text;
    case PlainValue::Kind::kBool: return key.boolean ? "True" : "False";
    case PlainValue::Kind::kInt: return std::to_string(key.integer);
    case PlainValue::Kind::kFloat: return fmt::format("{}", key.real);
    default: return "None";
  }
}

}  // namespace

ConfigValue ToConfigValue(const PlainValue& value) {
  switch (value.kind) {
    case PlainValue::Kind::kNull: return {std::monostate{}};
    case PlainValue::Kind::kBool: return {value.boolean};
    case PlainValue::Kind::kInt: return {value.integer};
    case PlainValue::Kind::kFloat: return {value.real};
    case PlainValue::Kind::kString:
    case PlainValue::Kind::kBytes: return {value.text};
    case PlainValue::Kind::kList: {
      ConfigValue::List list;
      for (const PlainValue& item : value.items) list.push_back(ToConfigValue(item));
      return {std::move(list)};
    }
    case PlainValue::Kind::kDict: {
      ConfigValue::Map map;
      for (size_t i = 0; i < value.items.size(); ++i)
        map.emplace_back(KeyText(value.keys[i]), ToConfigValue(value.items[i]));
      return {std::move(map)};
    }
  }
  return {std::monostate{}};
}

}  // namespace harness
