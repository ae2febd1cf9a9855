#include "harness/report/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "harness/base/safe_text.h"
#include "harness/base/utf8.h"

namespace harness::report {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Calls visit(code point, bytes of the sequence) for each one, U+FFFD for what is broken.
template <class Visit>
void ForEachCodePoint(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const CodePoint first = FirstCodePoint(text);
    if (first.valid) {
      visit(first.value, text.substr(0, first.bytes));
    } else {
      visit(uint32_t{0xFFFD}, kReplacement);
    }
    text.remove_prefix(first.bytes);
  }
}

bool Between(uint32_t value, uint32_t first, uint32_t last) { return value >= first && value <= last; }

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
    } else if (IsUnsafe(c)) {
      clean += EscapeCodePoint(c);
    } else {
      clean += bytes;
    }
  });
  if (after_cr) clean += "\\x0d";
  return WithoutCommands(clean);
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

int MeasureDisplayWidth(std::string_view text) {
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
      const int word_columns = MeasureDisplayWidth(word);
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

}  // namespace harness::report
