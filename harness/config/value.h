// What a config's keys hold once it is read, and the environment that interpolations ask.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace harness::config {

// A resolved value: no interpolation is left in it. An integer beyond int64 is a double.
struct ConfigValue {
  using List = std::vector<ConfigValue>;
  using Map = std::vector<std::pair<std::string, ConfigValue>>;  // in file order
  std::variant<std::monostate, bool, int64_t, double, std::string, List, Map> data;
  // Where the value comes from the environment: what the file says of it, "${oc.env:NAME}". The value is this
  // machine's, and no message shows it. Everything in a list or mapping that was made of it is marked, too.
  std::string environment = {};

  // (Inline for Clang 14, which cannot complete the pair in Map unless it has met a whole ConfigValue before.)
  static ConfigValue Null() { return {}; }
  bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  // "the integer 24", "the text '1e-4'", "a list of 4": for messages. "a text from ${oc.env:NAME} (...)".
  std::string Describe() const;
  const ConfigValue* Find(std::string_view key) const;  // in a Map; null where there is none
  // What a text would be if it stood in the YAML without quotes: '32' is an integer, 'off' the boolean false. A text
  // that stays one, and every other value, come back as they are.
  ConfigValue WithoutQuotes() const;
  // The first `environment` in it, its items included; empty where nothing comes from there.
  std::string FromEnvironment() const;
  void MarkAsEnvironment(const std::string& written);
};

// What is wrong with an option whose value is the environment's, after its name. `written`: ConfigValue::environment.
std::string FindEnvironmentProblem(const std::string& written);

// Reads one environment variable; injected so that tests do not depend on the environment.
using Environment = std::function<std::optional<std::string>(const std::string&)>;
Environment ProcessEnvironment();

}  // namespace harness::config
