#include "harness/base/safe_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "harness/base/utf8.h"

namespace harness {

bool IsUnsafe(uint32_t code_point) {
  // Unicode 15: general categories Cc, Cf, Zl and Zp; fillers that show as nothing; the first non-characters.
  static constexpr std::array<std::pair<uint32_t, uint32_t>, 29> kRanges = {{
      {0x00, 0x1F},       {0x7F, 0x9F},       {0xAD, 0xAD},       {0x34F, 0x34F},         {0x600, 0x605},
      {0x61C, 0x61C},     {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},         {0x8E2, 0x8E2},
      {0x115F, 0x1160},   {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F},       {0x2028, 0x202E},
      {0x2060, 0x206F},   {0x3164, 0x3164},   {0xD800, 0xDFFF},   {0xFDD0, 0xFDEF},       {0xFEFF, 0xFEFF},
      {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},   {0x110BD, 0x110BD}, {0x110CD, 0x110CD},     {0x13430, 0x1343F},
      {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}, {0x110000, UINT32_MAX},
  }};
  if ((code_point & 0xFFFE) == 0xFFFE) return true;
  return std::any_of(kRanges.begin(), kRanges.end(),
                     [&](const auto& range) { return code_point >= range.first && code_point <= range.second; });
}

std::string EscapeCodePoint(uint32_t code_point) {
  if (code_point == '\n') return "\\n";
  if (code_point == '\t') return "\\t";
  return code_point < 0x100 ? fmt::format("\\x{:02x}", code_point) : fmt::format("\\u{{{:04x}}}", code_point);
}

// As in "std::string". Everything else may be taken for white space before a command: a no-break space is.
static bool EndsAName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '>';
}

std::string WithoutCommands(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("::") && (i == 0 || !EndsAName(text[i - 1]))) {
      out += "\\x3a";
    } else if (rest.starts_with("##")) {
      out += "\\x23";
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string SafeLine(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  while (!text.empty()) {
    const CodePoint first = FirstCodePoint(text);
    if (!first.valid) {
      for (const char c : text.substr(0, first.bytes)) line += EscapeCodePoint(static_cast<unsigned char>(c));
    } else if (IsUnsafe(first.value)) {
      line += EscapeCodePoint(first.value);
    } else {
      line += text.substr(0, first.bytes);
    }
    text.remove_prefix(first.bytes);
  }
  return WithoutCommands(line);
}

std::string Printable(std::string_view text, size_t limit) {
  std::string out;
  while (!text.empty()) {
    const CodePoint first = FirstCodePoint(text);
    const size_t bytes = first.valid ? first.bytes : 1;
    const std::string piece = !first.valid            ? EscapeCodePoint(static_cast<unsigned char>(text[0]))
                              : IsUnsafe(first.value) ? EscapeCodePoint(first.value)
                                                      : std::string(text.substr(0, bytes));
    if (out.size() + piece.size() + (text.size() > bytes ? 3 : 0) > limit) {
      if (limit >= 3) out += "...";
      break;
    }
    out += piece;
    text.remove_prefix(bytes);
  }
  return out;
}

}  // namespace harness
