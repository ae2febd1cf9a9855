// How one YAML scalar becomes a typed value: what OmegaConf's loader does, regular expression by regular expression.
//
// YAML 1.1 as PyYAML reads it (yes/no/on/off, 0x, 017, 1_000, 1:30), with OmegaConf's own float rule on top (`1e-4` is
// a float there and text in PyYAML) and without timestamps, which stay text. An integer beyond int64 becomes a float:
// Python's integers have no limit, and none of audiocraft's options is that big. Source: PyYAML 6.0 resolver.py and
// constructor.py, OmegaConf 2.3 _utils.py get_yaml_loader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace harness::config::internal {

using Scalar = std::variant<std::monostate, bool, int64_t, double, std::string>;

enum class ScalarTag {
  kNull,
  kBool,
  kInt,
  kFloat,
  kText,
  kMerge,  // a plain `<<`: a merge key, an error where it is a value
  kValue,  // a plain `=`: an error where it is a value
};

// The tag that the loader gives a plain (unquoted, untagged) scalar.
ScalarTag ResolvePlain(std::string_view text);

// The value of `text` under `tag`; nothing where the loader raises (`!!int abc`, a plain `0b_`). kMerge and kValue:
// nothing.
std::optional<Scalar> ConstructScalar(ScalarTag tag, std::string_view text);

// Decimal digits (no sign) as int64, as a float where they do not fit. Precondition: digits only, at least one.
Scalar ParseDecimalInteger(bool negative, std::string_view digits);

// A float as Python's float() reads it; nothing where it raises. Underscores are not accepted: remove them first.
std::optional<double> ParsePythonFloat(std::string_view text);

// str() and repr() as Python writes a value: what an interpolation inside a longer text inserts.
std::string FormatPythonStr(const Scalar& value);
std::string FormatPythonRepr(const Scalar& value);

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string WithoutUnderscores(std::string_view text);

// `text` with control characters escaped and cut at about 60 characters: for messages.
std::string CanQuote(std::string_view text);

}  // namespace harness::config::internal
