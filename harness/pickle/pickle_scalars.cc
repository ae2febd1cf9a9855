// The opcodes that push None, booleans, numbers, text and bytes.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "harness/base/safe_text.h"
#include "harness/base/utf8.h"
#include "harness/pickle/pickle_machine.h"
#include "harness/pickle/pickle_opcodes.h"

namespace harness::pickle {
namespace {

constexpr size_t kMaxDigits = 4300;  // int() of longer text raises from Python 3.8.14, 3.10.7 and 3.11 on

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// `digits` hex digits at `at`; nothing where they aren't there.
std::optional<uint32_t> Hex(std::string_view text, size_t at, size_t digits) {
  if (at > text.size() || text.size() - at < digits) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const int digit = HexDigit(text[at + i]);
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<uint32_t>(digit);
  }
  return value;
}

// The inside of a Python 2 string literal, as repr() writes it.
std::optional<std::string> Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    switch (text[i]) {
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'r': out += '\r'; break;
      case 'a': out += '\a'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'v': out += '\v'; break;
      case '\\':
      case '\'':
      case '"': out += text[i]; break;
      case 'x': {
        const std::optional<uint32_t> value = Hex(text, i + 1, 2);
        if (!value) return std::nullopt;
        out += static_cast<char>(*value);
        i += 2;
        break;
      }
      default: {
        if (text[i] < '0' || text[i] > '7') {  // not an escape: both characters stay
          out += '\\';
          out += text[i];
          break;
        }
        int value = 0;
        size_t digits = 0;
        for (; digits < 3 && i + digits < text.size() && text[i + digits] >= '0' && text[i + digits] <= '7'; ++digits) {
          value = value * 8 + (text[i + digits] - '0');
        }
        out += static_cast<char>(value);
        i += digits - 1;
      }
    }
  }
  return out;
}

// raw-unicode-escape, as the pickler writes it: \uXXXX and \UXXXXXXXX, also for the backslash itself; every other byte
// is a Latin-1 character.
std::optional<std::string> RawUnicodeUnescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      AppendUtf8(static_cast<uint8_t>(text[i]), out);
      continue;
    }
    if (i + 1 == text.size() || (text[i + 1] != 'u' && text[i + 1] != 'U')) return std::nullopt;
    const size_t digits = text[i + 1] == 'u' ? 4 : 8;
    const std::optional<uint32_t> value = Hex(text, i + 2, digits);
    if (!value || *value > 0x10ffff) return std::nullopt;
    AppendUtf8(*value, out);
    i += 1 + digits;
  }
  return out;
}

// As repr() writes a float: strtod and Python's float() take more, and not the same.
bool IsFloatText(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text == "nan" || text == "inf") return true;
  const size_t exponent = text.find('e');
  const std::string_view mantissa = text.substr(0, exponent);
  std::string_view power = exponent == std::string_view::npos ? "0" : text.substr(exponent + 1);
  if (power.starts_with('-') || power.starts_with('+')) power.remove_prefix(1);
  const auto only = [](std::string_view part, std::string_view of) {
    return !part.empty() && part.find_first_not_of(of) == std::string_view::npos;
  };
  return only(mantissa, "0123456789.") && mantissa[0] != '.' &&
         std::count(mantissa.begin(), mantissa.end(), '.') <= 1 && only(power, "0123456789");
}

// As repr() writes an integer: Python's int() takes blanks, underscores and leading zeros, its unpickler 0x10, too.
bool IsIntegerText(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return false;
  return digits.size() <= kMaxDigits && (digits[0] != '0' || text == "0");
}

}  // namespace

NodeId Machine::String(std::string_view text) {
  const NodeId id = New(Kind::kString);
  node(id).text = text;
  return id;
}

Status Machine::PushText(std::string_view utf8) {
  if (!IsUtf8(utf8)) return Corrupt(fmt::format("text is not UTF-8: '{}'", Printable(utf8, 60)));
  return Push(String(utf8));
}

Status Machine::PushInteger(std::string_view decimal) {
  if (!IsIntegerText(decimal)) {
    return Corrupt(fmt::format("'{}' is not an integer as writers write it", Printable(decimal, 40)));
  }
  int64_t value = 0;
  if (std::from_chars(decimal.data(), decimal.data() + decimal.size(), value).ec == std::errc()) {
    const NodeId id = New(Kind::kInt);
    node(id).integer = value;
    return Push(id);
  }
  const NodeId id = New(Kind::kBigInt);
  node(id).text = decimal;
  return Push(id);
}

Status Machine::PushLong(std::string_view raw) {
  const bool negative = !raw.empty() && (static_cast<uint8_t>(raw.back()) & 0x80) != 0;
  if (raw.size() <= 8) {
    uint64_t value = negative ? UINT64_MAX : 0;
    std::memcpy(&value, raw.data(), raw.size());
    const NodeId id = New(Kind::kInt);
    node(id).integer = static_cast<int64_t>(value);
    return Push(id);
  }
  // Two's complement to sign and magnitude, in hexadecimal: decimal would take quadratic time.
  std::string magnitude(raw);
  if (negative) {
    unsigned carry = 1;
    for (char& c : magnitude) {
      carry += static_cast<uint8_t>(~c);
      c = static_cast<char>(carry);
      carry >>= 8;
    }
  }
  std::string text = negative ? "-0x" : "0x";
  bool leading = true;
  for (size_t i = magnitude.size(); i-- > 0;) {
    const auto byte = static_cast<uint8_t>(magnitude[i]);
    if (leading && byte == 0) continue;
    text += fmt::format(fmt::runtime(leading ? "{:x}" : "{:02x}"), byte);
    leading = false;
  }
  const NodeId id = New(Kind::kBigInt);
  node(id).text = leading ? text + "0" : std::move(text);
  return Push(id);
}

Result<bool> Machine::Scalar(uint8_t op) {
  const auto push_int = [&](int64_t value) {
    const NodeId id = New(Kind::kInt);
    node(id).integer = value;
    return Push(id);
  };
  const auto push_float = [&](double value) {
    const NodeId id = New(Kind::kFloat);
    node(id).real = value;
    return Push(id);
  };
  const auto push_bytes = [&](std::string_view value) {
    const NodeId id = New(Kind::kBytes);
    node(id).text = value;
    return Push(id);
  };
  // Takes a length of type T, then so many bytes.
  const auto counted = [&]<class T>(T) -> Result<std::string_view> {
    HARNESS_ASSIGN_OR_RETURN(const T size, Number<T>());
    if constexpr (std::is_signed_v<T>) {
      if (size < 0) return Corrupt(fmt::format("a length of {}", size));
    }
    return Take(static_cast<uint64_t>(size));
  };
  std::string_view text;
  switch (op) {
    case opcode::kNone: HARNESS_RETURN_IF_ERROR(Push(Singleton(Kind::kNone))); return true;
    case opcode::kNewTrue: HARNESS_RETURN_IF_ERROR(Push(Singleton(Kind::kBool, true))); return true;
    case opcode::kNewFalse: HARNESS_RETURN_IF_ERROR(Push(Singleton(Kind::kBool, false))); return true;
    case opcode::kBinInt1: {
      HARNESS_ASSIGN_OR_RETURN(const uint8_t value, Number<uint8_t>());
      HARNESS_RETURN_IF_ERROR(push_int(value));
      return true;
    }
    case opcode::kBinInt2: {
      HARNESS_ASSIGN_OR_RETURN(const uint16_t value, Number<uint16_t>());
      HARNESS_RETURN_IF_ERROR(push_int(value));
      return true;
    }
    case opcode::kBinInt: {
      HARNESS_ASSIGN_OR_RETURN(const int32_t value, Number<int32_t>());
      HARNESS_RETURN_IF_ERROR(push_int(value));
      return true;
    }
    case opcode::kInt:
    case opcode::kLong: {
      HARNESS_ASSIGN_OR_RETURN(text, Line());
      if (op == opcode::kInt && (text == "01" || text == "00")) {
        HARNESS_RETURN_IF_ERROR(Push(Singleton(Kind::kBool, text == "01")));
        return true;
      }
      if (op == opcode::kLong && !text.empty() && text.back() == 'L') text.remove_suffix(1);
      HARNESS_RETURN_IF_ERROR(PushInteger(text));
      return true;
    }
    case opcode::kLong1: {
      HARNESS_ASSIGN_OR_RETURN(text, counted(uint8_t{}));
      HARNESS_RETURN_IF_ERROR(PushLong(text));
      return true;
    }
    case opcode::kLong4: {
      HARNESS_ASSIGN_OR_RETURN(text, counted(int32_t{}));
      HARNESS_RETURN_IF_ERROR(PushLong(text));
      return true;
    }
    case opcode::kFloat: {
      HARNESS_ASSIGN_OR_RETURN(text, Line());
      if (!IsFloatText(text)) {
        return Corrupt(fmt::format("'{}' is not a number as writers write it", Printable(text, 40)));
      }
      const double value = std::strtod(std::string(text).c_str(), nullptr);
      if (std::isinf(value) && text.find('i') == std::string_view::npos) {
        return Corrupt(
            fmt::format("'{}' is beyond what a number can be: two readers read it differently", Printable(text, 40)));
      }
      HARNESS_RETURN_IF_ERROR(push_float(value));
      return true;
    }
    case opcode::kBinFloat: {
      HARNESS_ASSIGN_OR_RETURN(text, Take(8));
      std::string little(text);
      std::reverse(little.begin(), little.end());
      double value;
      std::memcpy(&value, little.data(), sizeof value);
      HARNESS_RETURN_IF_ERROR(push_float(value));
      return true;
    }
    case opcode::kString: {
      HARNESS_ASSIGN_OR_RETURN(text, Line());
      if (text.size() < 2 || text.front() != text.back() || (text.front() != '\'' && text.front() != '"')) {
        return Corrupt("the text is not quoted");
      }
      const std::optional<std::string> plain = Unescape(text.substr(1, text.size() - 2));
      if (!plain) return Corrupt("the text has a broken escape");
      HARNESS_RETURN_IF_ERROR(PushText(*plain));
      return true;
    }
    case opcode::kUnicode: {
      HARNESS_ASSIGN_OR_RETURN(text, Line());
      const std::optional<std::string> plain = RawUnicodeUnescape(text);
      if (!plain) return Corrupt("the text has a broken escape");
      HARNESS_RETURN_IF_ERROR(PushText(*plain));
      return true;
    }
    case opcode::kShortBinString:
    case opcode::kShortBinUnicode: {
      HARNESS_ASSIGN_OR_RETURN(text, counted(uint8_t{}));
      HARNESS_RETURN_IF_ERROR(PushText(text));
      return true;
    }
    case opcode::kBinString: {
      HARNESS_ASSIGN_OR_RETURN(text, counted(int32_t{}));
      HARNESS_RETURN_IF_ERROR(PushText(text));
      return true;
    }
    case opcode::kBinUnicode: {
      HARNESS_ASSIGN_OR_RETURN(text, counted(uint32_t{}));
      HARNESS_RETURN_IF_ERROR(PushText(text));
      return true;
    }
    case opcode::kBinUnicode8: {
      HARNESS_ASSIGN_OR_RETURN(text, counted(uint64_t{}));
      HARNESS_RETURN_IF_ERROR(PushText(text));
      return true;
    }
    case opcode::kShortBinBytes: {
      HARNESS_ASSIGN_OR_RETURN(text, counted(uint8_t{}));
      HARNESS_RETURN_IF_ERROR(push_bytes(text));
      return true;
    }
    case opcode::kBinBytes: {
      HARNESS_ASSIGN_OR_RETURN(text, counted(uint32_t{}));
      HARNESS_RETURN_IF_ERROR(push_bytes(text));
      return true;
    }
    case opcode::kBinBytes8:
    case opcode::kByteArray8: {
      HARNESS_ASSIGN_OR_RETURN(text, counted(uint64_t{}));
      HARNESS_RETURN_IF_ERROR(push_bytes(text));
      return true;
    }
    default: return false;
  }
}

}  // namespace harness::pickle
