#include "harness/report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace harness {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Sequence {
  size_t bytes;  // at least 1: for a broken sequence, the maximal part of it that begins one
  bool valid;
  uint32_t code_point;
};

// The first sequence of a text that is not empty (table 3-7: no overlong forms, no surrogates, none beyond U+10FFFF).
Sequence FirstSequence(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {1, true, lead};
  const size_t bytes = lead >= 0xC2 && lead <= 0xDF   ? 2
                       : lead >= 0xE0 && lead <= 0xEF ? 3
                       : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                      : 1;
  if (bytes == 1) return {1, false, 0};
  uint32_t code_point = lead & (0x7Fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    uint32_t low = 0x80;
    uint32_t high = 0xBF;
    if (i == 1 && lead == 0xE0) low = 0xA0;
    if (i == 1 && lead == 0xED) high = 0x9F;
    if (i == 1 && lead == 0xF0) low = 0x90;
    if (i == 1 && lead == 0xF4) high = 0x8F;
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {i, false, 0};
    code_point = code_point << 6 | (byte(i) & 0x3Fu);
  }
  return {bytes, true, code_point};
}

// Calls visit(code point, bytes of the sequence) for each one, U+FFFD for what is broken.
template <class Visit>
void ForEachCodePoint(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const Sequence sequence = FirstSequence(text);
    if (sequence.valid) {
      visit(sequence.code_point, text.substr(0, sequence.bytes));
    } else {
      visit(uint32_t{0xFFFD}, kReplacement);
    }
    text.remove_prefix(sequence.bytes);
  }
}

bool Between(uint32_t value, uint32_t first, uint32_t last) { return value >= first && value <= last; }

bool IsControl(uint32_t c) { return c < 0x20 || Between(c, 0x7F, 0x9F); }

// Line and paragraph separators, and the explicit marks of direction (Unicode Bidirectional Algorithm, section 2).
bool IsMisleading(uint32_t c) {
  return Between(c, 0x2028, 0x202E) || Between(c, 0x2066, 0x2069) || c == 0x200E || c == 0x200F || c == 0x061C;
}

}  // namespace

std::string ValidUtf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  ForEachCodePoint(text, [&](uint32_t, std::string_view bytes) { valid += bytes; });
  return valid;
}

std::string CleanText(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  bool after_cr = false;  // held back until it is known whether a line feed follows
  ForEachCodePoint(text, [&](uint32_t c, std::string_view bytes) {
    if (after_cr && c != '\n') clean += "\\x0d";
    after_cr = c == '\r';
    if (after_cr) return;
    if (c == '\n') {
      clean += '\n';
    } else if (c == '\t') {
      clean += "  ";
    } else if (IsControl(c)) {
      clean += fmt::format("\\x{:02x}", c);
    } else if (IsMisleading(c)) {
      clean += fmt::format("\\u{{{:04x}}}", c);
    } else {
      clean += bytes;
    }
  });
  if (after_cr) clean += "\\x0d";
  return clean;
}

std::string CleanLine(std::string_view text) {
  std::string line = CleanText(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (char c : CleanText(text)) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string RelativeUrl(std::string_view path) {
  if (path.empty() || path[0] == '/') return "";
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (path.substr(begin, end - begin) == "..") return "";
    begin = end + 1;
  }
  std::string url = "./";
  for (char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;  // RFC 3986, unreserved
    if (plain) {
      url += c;
    } else {
      url += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return url;
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  ForEachCodePoint(text, [&](uint32_t c, std::string_view) {
    const bool combining = Between(c, 0x0300, 0x036F) || Between(c, 0x200B, 0x200D) || Between(c, 0x20D0, 0x20FF) ||
                           Between(c, 0xFE00, 0xFE0F);
    const bool wide = Between(c, 0x1100, 0x115F) || Between(c, 0x2E80, 0xA4CF) || Between(c, 0xAC00, 0xD7A3) ||
                      Between(c, 0xF900, 0xFAFF) || Between(c, 0xFE30, 0xFE6F) || Between(c, 0xFF00, 0xFF60) ||
                      Between(c, 0xFFE0, 0xFFE6) || Between(c, 0x1F300, 0x1FAFF) || Between(c, 0x20000, 0x3FFFD);
    width += combining ? 0 : wide ? 2 : 1;
  });
  return width;
}

std::vector<std::string> Wrap(std::string_view text, int width) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t line_end = std::min(text.find('\n'), text.size());
    std::string_view rest = text.substr(0, line_end);
    text.remove_prefix(std::min(line_end + 1, text.size()));
    const size_t first_word = std::min(rest.find_first_not_of(' '), rest.size());
    const std::string indent(std::min(first_word, static_cast<size_t>(std::max(0, width / 2))), ' ');
    rest.remove_prefix(first_word);

    std::string line;
    int columns = static_cast<int>(indent.size());
    while (!rest.empty()) {
      const size_t word_begin = rest.find_first_not_of(' ');
      if (word_begin == std::string_view::npos) break;  // spaces at the end
      const std::string_view spaces = rest.substr(0, word_begin);
      const size_t word_end = std::min(rest.find(' ', word_begin), rest.size());
      const std::string_view word = rest.substr(word_begin, word_end - word_begin);
      const int word_columns = DisplayWidth(word);
      if (!line.empty() && columns + static_cast<int>(spaces.size()) + word_columns > width) {
        lines.push_back(indent + line);
        line.clear();
        columns = static_cast<int>(indent.size());
      }
      if (!line.empty()) {
        line += spaces;
        columns += static_cast<int>(spaces.size());
      }
      line += word;
      columns += word_columns;
      rest.remove_prefix(word_end);
    }
    lines.push_back(line.empty() ? "" : indent + line);
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

}  // namespace harness
