#include "harness/checkpoint/printable.h"

#include <fmt/format.h>

#include <iterator>

namespace harness {

size_t Utf8SequenceLength(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                        : (lead & 0xf0) == 0xe0        ? 3
                        : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                       : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
  if (lead == 0xf0 && byte(1) < 0x90) return 0;  // overlong
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;  // beyond 0x10ffff
  return length;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void AppendUtf8(uint32_t code_point, std::string& out) {
  const auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | code_point >> 6), put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12), put(0x80 | (code_point >> 6 & 0x3f)), put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | code_point >> 18), put(0x80 | (code_point >> 12 & 0x3f));
    put(0x80 | (code_point >> 6 & 0x3f)), put(0x80 | (code_point & 0x3f));
  }
}

std::string Printable(std::string_view text, size_t limit) {
  std::string out;
  while (!text.empty()) {
    std::string piece;
    size_t length = Utf8SequenceLength(text);
    const auto lead = static_cast<uint8_t>(text[0]);
    // Lone surrogates (ed a0..bf) are no valid XML or JSON text either.
    const bool surrogate = length == 3 && lead == 0xed && static_cast<uint8_t>(text[1]) >= 0xa0;
    if (length == 0 || surrogate || lead < 0x20 || lead == 0x7f) {
      length = 1;
      if (lead == '\n') {
        piece = "\\n";
      } else if (lead == '\t') {
        piece = "\\t";
      } else {
        fmt::format_to(std::back_inserter(piece), "\\x{:02x}", lead);
      }
    } else {
      piece = text.substr(0, length);
    }
    if (out.size() + piece.size() + (text.size() > length ? 3 : 0) > limit) {
      if (limit >= 3) out += "...";
      break;
    }
    out += piece;
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace harness
