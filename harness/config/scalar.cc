#include "harness/config/scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <system_error>
#include <vector>

namespace harness::config::internal {
namespace {

// A reader for the loader's regular expressions: each step consumes what it matches and says whether it did.
class Matcher {
 public:
  explicit Matcher(std::string_view text) : rest_(text) {}

  bool Done() const { return rest_.empty(); }
  bool Sign() { return One("+-"); }
  bool One(std::string_view set) {
    if (rest_.empty() || set.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  size_t Many(std::string_view set) {
    const size_t end = rest_.find_first_not_of(set);
    const size_t n = end == std::string_view::npos ? rest_.size() : end;
    rest_.remove_prefix(n);
    return n;
  }
  bool Literal(std::string_view literal) {
    if (rest_.substr(0, literal.size()) != literal) return false;
    rest_.remove_prefix(literal.size());
    return true;
  }
  // (?::[0-5]?[0-9])+
  bool Sexagesimals() {
    size_t n = 0;
    while (!rest_.empty() && rest_.front() == ':') {
      std::string_view digits = rest_.substr(1);
      if (digits.empty() || !IsDigit(digits.front())) break;
      const bool two = digits.size() > 1 && IsDigit(digits[1]) && digits[0] <= '5';
      rest_.remove_prefix(two ? 3 : 2);
      ++n;
    }
    return n > 0;
  }

 private:
  std::string_view rest_;
};

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kDigitsAnd_ = "0123456789_";

bool IsInt(std::string_view text) {
  Matcher m(text);
  m.Sign();
  const Matcher unsigned_part = m;
  if (m.Literal("0b")) return m.Many("01_") > 0 && m.Done();
  if (m.Literal("0x")) return m.Many("0123456789abcdefABCDEF_") > 0 && m.Done();
  if (m.Literal("0")) return m.Done() || (m.Many("01234567_") > 0 && m.Done());
  m = unsigned_part;
  if (!m.One("123456789")) return false;
  m.Many(kDigitsAnd_);
  return m.Done() || (m.Sexagesimals() && m.Done());
}

// The exponent of PyYAML's rule needs a sign; that of OmegaConf's does not.
bool Exponent(Matcher& m, bool sign_required) {
  if (!m.One("eE")) return false;
  if (!m.Sign() && sign_required) return false;
  return m.Many(kDigits) > 0;
}

// [0-9]+(?:_[0-9]+)*: no underscore at the end, no two in a row.
bool SeparatedDigits(std::string_view text) {
  if (text.empty() || text.back() == '_' || text.front() == '_') return false;
  return text.find("__") == std::string_view::npos && text.find_first_not_of(kDigitsAnd_) == std::string_view::npos;
}

bool IsFloat(std::string_view text) {
  Matcher start(text);
  if (start.Literal(".nan") || start.Literal(".NaN") || start.Literal(".NAN")) return start.Done();
  const bool has_sign = start.Sign();
  if (start.Literal(".inf") || start.Literal(".Inf") || start.Literal(".INF")) return start.Done();

  Matcher m = start;
  if (m.One(".")) {  // .5: no rule has a sign here, so "-.5" is text
    if (has_sign || !m.One(kDigits)) return false;
    m.Many(kDigitsAnd_);
    return m.Done() || (Exponent(m, true) && m.Done());
  }
  const size_t integer_begin = has_sign ? 1 : 0;
  const size_t integer_end = std::min(text.find_first_not_of(kDigitsAnd_, integer_begin), text.size());
  const std::string_view integer = text.substr(integer_begin, integer_end - integer_begin);
  if (integer.empty() || integer.front() == '_') return false;
  m.Many(kDigitsAnd_);
  const bool separated = SeparatedDigits(integer);
  if (m.One(".")) {
    m.Many(kDigitsAnd_);
    return m.Done() || (Exponent(m, !separated) && m.Done());
  }
  Matcher exponent = m;
  if (separated && Exponent(exponent, false)) return exponent.Done();
  if (!m.Sexagesimals() || !m.One(".")) return false;
  m.Many(kDigitsAnd_);
  return m.Done();
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r\f\v";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// An integer that may be beyond int64.
struct Integer {
  int64_t value = 0;
  double approximate = 0;  // where `value` cannot hold it
  bool fits = true;
};

// Digits of `base` (2 to 16); nothing where a character is no digit.
std::optional<Integer> IntegerInBase(bool negative, std::string_view digits, int base) {
  if (digits.empty()) return std::nullopt;
  Integer out;
  uint64_t value = 0;
  const uint64_t limit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) + (negative ? 1 : 0);
  for (const char c : Lower(digits)) {
    const int digit = IsDigit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
    if (digit >= base) return std::nullopt;
    const auto d = static_cast<uint64_t>(digit);
    const auto b = static_cast<uint64_t>(base);
    out.fits = out.fits && value <= (limit - d) / b;
    value = out.fits ? value * b + d : value;
    out.approximate = out.approximate * base + digit;
  }
  // Decimal digits are rounded once, as Python does it.
  if (base == 10) out.approximate = ParsePythonFloat(digits).value_or(out.approximate);
  if (negative) out.approximate = -out.approximate;
  out.value = static_cast<int64_t>(negative ? 0 - value : value);
  return out;
}

// 190:20:30: base 60, most significant first.
std::optional<Integer> SexagesimalInteger(bool negative, std::string_view digits) {
  Integer out;
  for (size_t begin = 0; begin <= digits.size();) {
    const size_t end = std::min(digits.find(':', begin), digits.size());
    const std::optional<Integer> part = IntegerInBase(false, digits.substr(begin, end - begin), 10);
    if (!part) return std::nullopt;
    int64_t shifted = 0;
    out.fits = out.fits && part->fits && !__builtin_mul_overflow(out.value, int64_t{60}, &shifted) &&
               !__builtin_add_overflow(shifted, part->value, &out.value);
    out.approximate = out.approximate * 60 + part->approximate;
    begin = end + 1;
  }
  if (negative) {
    out.value = -out.value;
    out.approximate = -out.approximate;
  }
  return out;
}

std::optional<Integer> ConstructInt(std::string_view raw) {
  const std::string text = WithoutUnderscores(raw);
  std::string_view digits = text;
  bool negative = false;
  if (!digits.empty() && (digits.front() == '-' || digits.front() == '+')) {
    negative = digits.front() == '-';
    digits.remove_prefix(1);
  }
  digits = Trim(digits);
  if (digits.empty()) return std::nullopt;
  const std::string_view prefix = digits.substr(0, 2);
  if (prefix == "0b") return IntegerInBase(negative, digits.substr(2), 2);
  if (prefix == "0x") return IntegerInBase(negative, digits.substr(2), 16);
  if (prefix == "0o" || prefix == "0O") return IntegerInBase(negative, digits.substr(2), 8);
  if (digits.front() == '0') return IntegerInBase(negative, digits, 8);
  if (digits.find(':') != std::string_view::npos) return SexagesimalInteger(negative, digits);
  return IntegerInBase(negative, digits, 10);
}

std::optional<double> ConstructFloat(std::string_view raw) {
  const std::string text = Lower(WithoutUnderscores(raw));
  std::string_view number = text;
  bool negative = false;
  if (!number.empty() && (number.front() == '-' || number.front() == '+')) {
    negative = number.front() == '-';
    number.remove_prefix(1);
  }
  if (number == ".nan") return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  if (number == ".inf") {
    value = std::numeric_limits<double>::infinity();
  } else if (number.find(':') != std::string_view::npos) {
    // PyYAML sums from the least significant part, and the rounding of a fraction depends on the order.
    std::vector<double> parts;
    for (size_t begin = 0; begin <= number.size();) {
      const size_t end = std::min(number.find(':', begin), number.size());
      const std::optional<double> part = ParsePythonFloat(number.substr(begin, end - begin));
      if (!part) return std::nullopt;
      parts.push_back(*part);
      begin = end + 1;
    }
    double base = 1;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part, base *= 60) value += *part * base;
  } else {
    const std::optional<double> parsed = ParsePythonFloat(number);
    if (!parsed) return std::nullopt;
    value = *parsed;
  }
  return negative ? -value : value;
}

template <size_t N>
bool OneOf(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

}  // namespace

std::string WithoutUnderscores(std::string_view text) {
  std::string out(text);
  out.erase(std::remove(out.begin(), out.end(), '_'), out.end());
  return out;
}

ScalarTag ResolvePlain(std::string_view text) {
  static constexpr std::array<std::string_view, 18> kBools = {"yes",  "Yes",  "YES",  "no",    "No",    "NO",
                                                              "true", "True", "TRUE", "false", "False", "FALSE",
                                                              "on",   "On",   "ON",   "off",   "Off",   "OFF"};
  static constexpr std::array<std::string_view, 5> kNulls = {"", "~", "null", "Null", "NULL"};
  if (OneOf(text, kBools)) return ScalarTag::kBool;
  if (OneOf(text, kNulls)) return ScalarTag::kNull;
  if (IsFloat(text)) return ScalarTag::kFloat;
  if (IsInt(text)) return ScalarTag::kInt;
  if (text == "<<") return ScalarTag::kMerge;
  if (text == "=") return ScalarTag::kValue;
  return ScalarTag::kText;
}

std::optional<Scalar> ConstructScalar(ScalarTag tag, std::string_view text) {
  std::optional<Scalar> out;
  switch (tag) {
    case ScalarTag::kNull: out.emplace(); break;
    case ScalarTag::kText: out.emplace(std::string(text)); break;
    case ScalarTag::kInt: {
      const std::optional<Integer> integer = ConstructInt(text);
      if (integer && integer->fits) out.emplace(integer->value);
      if (integer && !integer->fits) out.emplace(integer->approximate);
      break;
    }
    case ScalarTag::kFloat: {
      const std::optional<double> number = ConstructFloat(text);
      if (number) out.emplace(*number);
      break;
    }
    case ScalarTag::kBool: {
      const std::string lower = Lower(text);
      if (lower == "yes" || lower == "true" || lower == "on") out.emplace(true);
      if (lower == "no" || lower == "false" || lower == "off") out.emplace(false);
      break;
    }
    case ScalarTag::kMerge:
    case ScalarTag::kValue: break;
  }
  return out;
}

Scalar ParseDecimalInteger(bool negative, std::string_view digits) {
  const Integer integer = IntegerInBase(negative, digits, 10).value_or(Integer());
  if (integer.fits) return integer.value;
  return integer.approximate;
}

std::optional<double> ParsePythonFloat(std::string_view text) {
  text = Trim(text);
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || text.front() == '-') return std::nullopt;  // from_chars would take a second sign
  double value = 0;
  const std::from_chars_result end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec == std::errc::invalid_argument || end.ptr != text.data() + text.size()) return std::nullopt;
  if (text.back() == ')') return std::nullopt;  // nan(...) is C, not Python
  if (end.ec == std::errc::result_out_of_range)
    value = std::strtod(std::string(text).c_str(), nullptr);  // 0 or infinite
  return negative ? -value : value;
}

}  // namespace harness::config::internal
