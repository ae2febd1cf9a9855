// Every row of testdata/omegaconf_cases.json, which the real OmegaConf made (scripts/oracle/config_cases.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "harness/config/config.h"
#include "harness/config/scalar.h"
#include "harness/testing/configs.h"

namespace harness::config {
namespace {

using namespace testing_support;
using nlohmann::json;

// Where this library and OmegaConf differ on purpose. A row here that starts to agree fails the test.
struct Difference {
  std::string_view text;
  std::string_view reason;
};
constexpr Difference kDifferences[] = {
    {"a: 9223372036854775808", "an integer beyond int64 is a float here; Python's have no limit"},
    {"a: -9223372036854775809", "beyond int64"},
    {"a: 123456789012345678901234567890", "beyond int64"},
    {"a: 0x8000000000000000", "beyond int64"},
    {"a: !!int --5", "Python's int() takes a second sign"},
    {"a: ! 12", "yaml-cpp reports the tag '!' and quotes alike; OmegaConf.to_yaml writes no such tag"},
    {"a: ! '12'", "as above"},
    {"b: &b {xx: 1}\nc: &c {xx: 2, yy: 3}\na: {<<: [*b, *c]}",
     "PyYAML 6.0.4 lets the later of several merged mappings win; YAML's merge rule and earlier versions the first"},
    {"'${:x}'",
     "OmegaConf notices that the resolver's name is absent only when the value is read; here, as all bad syntax, at "
     "once"},
    {"a: {<<: {x: 1, x: 2}}", "PyYAML does not look for duplicate keys in a mapping that is written at its merge"},
};

json Tagged(const ConfigValue& value) {
  if (const bool* b = std::get_if<bool>(&value.data)) return {"bool", *b};
  if (const int64_t* i = std::get_if<int64_t>(&value.data)) return {"int", std::to_string(*i)};
  if (const double* d = std::get_if<double>(&value.data)) return {"float", internal::FormatPythonStr(*d)};
  if (const std::string* s = std::get_if<std::string>(&value.data)) return {"text", *s};
  if (const auto* list = std::get_if<ConfigValue::List>(&value.data)) {
    json items = json::array();
    for (const ConfigValue& item : *list) items.push_back(Tagged(item));
    return json::array({"list", items});
  }
  if (const auto* map = std::get_if<ConfigValue::Map>(&value.data)) {
    json items = json::array();
    for (const auto& [key, item] : *map) items.push_back(json::array({key, Tagged(item)}));
    return json::array({"map", items});
  }
  return json::array({"null"});
}

// The code for what OmegaConf raises when a value is read.
ErrorCode CodeOf(const std::string& exception) {
  static const std::map<std::string, ErrorCode> kCodes = {
      {"MissingMandatoryValue", ErrorCode::kNotFound},
      {"ConfigKeyError", ErrorCode::kNotFound},
      {"ConfigIndexError", ErrorCode::kNotFound},
      {"IndexError", ErrorCode::kNotFound},
  };
  const auto code = kCodes.find(exception);
  return code == kCodes.end() ? ErrorCode::kMismatch : code->second;
}

// "" where the library does what OmegaConf did.
std::string Disagreement(const json& expected, const std::string& text, const std::string& path,
                         const Environment& environment) {
  const std::string kind = expected[0];
  const Result<Config> config = Config::Parse(text, "file", environment);
  if (!config) {
    if (kind == "create" && config.error().code == ErrorCode::kCorrupt) return "";
    return std::string("parsing fails as ") + Name(config.error().code) + ": " + config.error().message;
  }
  if (kind == "create") return "parsing succeeds";
  const Result<ConfigValue> value = config->Get(path);
  if (!value) {
    if (kind == "read" && value.error().code == CodeOf(expected[1])) return "";
    return std::string("reading fails as ") + Name(value.error().code) + ": " + value.error().message;
  }
  const json got = Tagged(*value);
  return kind == "value" && got == expected[1] ? "" : "the value is " + got.dump();
}

TEST(OmegaConfCases, AgreeRowByRow) {
  std::ifstream file(HARNESS_CONFIG_TESTDATA "/omegaconf_cases.json");
  const json data = json::parse(file, nullptr, false);
  ASSERT_TRUE(data.is_object()) << "cannot read " HARNESS_CONFIG_TESTDATA "/omegaconf_cases.json";
  ASSERT_GE(data["cases"].size(), 800u);
  const std::map<std::string, std::string> variables = data["environment"];
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto variable = variables.find(name);
    return variable == variables.end() ? std::nullopt : std::optional(variable->second);
  };
  const std::string targets = data["targets"];
  std::array<size_t, std::size(kDifferences)> seen{};
  for (const json& row : data["cases"]) {
    const std::string group = row[0];
    std::string text = row[1];
    const std::string path = row[2];
    const json& expected = row[3];
    size_t known = 0;
    while (known < std::size(kDifferences) && kDifferences[known].text != text) ++known;
    if (group == "interpolation") text = std::string(targets).replace(targets.find("VALUE"), 5, text);
    const std::string disagreement = Disagreement(expected, text, path, environment);
    if (known < std::size(kDifferences)) {
      ++seen[known];
      EXPECT_NE(disagreement, "") << "now agrees, remove it from the list: " << text << " ("
                                  << kDifferences[known].reason << ")";
    } else {
      EXPECT_EQ(disagreement, "") << group << ": " << row[1] << " at '" << path << "'\nOmegaConf: " << expected.dump();
    }
  }
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], 1u) << "no such row: " << kDifferences[i].text;
}

}  // namespace
}  // namespace harness::config
