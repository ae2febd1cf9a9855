// Values as Python writes them, and texts as messages quote them.
#include <fmt/format.h>

#include <cmath>

#include "harness/base/safe_text.h"
#include "harness/base/utf8.h"
#include "harness/config/scalar.h"

namespace harness::config::internal {

std::string FormatPythonStr(const Scalar& value) {
  if (std::holds_alternative<std::monostate>(value)) return "None";
  if (const bool* b = std::get_if<bool>(&value)) return *b ? "True" : "False";
  if (const int64_t* i = std::get_if<int64_t>(&value)) return fmt::format("{}", *i);
  if (const double* d = std::get_if<double>(&value)) {
    if (std::isnan(*d)) return "nan";
    std::string text = fmt::format("{}", *d);
    if (text.find_first_of(".en") == std::string::npos) text += ".0";
    return text;
  }
  return std::get<std::string>(value);
}

std::string FormatPythonRepr(const Scalar& value) {
  const std::string* text = std::get_if<std::string>(&value);
  if (text == nullptr) return FormatPythonStr(value);
  const bool has_single = text->find('\'') != std::string::npos;
  const char quote = has_single && text->find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : *text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + quote;
}

std::string CanQuote(std::string_view text) {
  constexpr size_t kLimit = 60;
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (out.size() >= kLimit) return out + "...";
    const CodePoint first = FirstCodePoint(text.substr(i));
    out += SafeLine(text.substr(i, first.bytes));
    i += first.bytes;
  }
  return WithoutCommands(out);
}

}  // namespace harness::config::internal
