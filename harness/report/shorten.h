// Text that is cut, and says so. A file may hold a name of a hundred megabytes; no message and no report repeats it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace harness::report {

// The longest word of a message (a name, a path, a value without blanks), and how much of a longer one is shown.
inline constexpr size_t kMaxWord = 300, kShownOfWord = 120;
// The longest message. The longest one of a fixture has two thousand characters.
inline constexpr size_t kMaxMessage = 8000;

// The first `size` bytes, less what would be half a character of UTF-8.
inline std::string_view CutUtf8(std::string_view text, size_t size) {
  if (text.size() <= size) return text;
  for (int back = 0; back < 3 && size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80; ++back) --size;
  return text.substr(0, size);
}

// "abcdef" is "abc... (6 bytes)" where it is too long to be shown.
inline std::string Shorten(std::string_view name, size_t limit = kMaxWord, size_t shown = kShownOfWord) {
  if (name.size() <= limit) return std::string(name);
  return fmt::format("{}... ({} bytes)", CutUtf8(name, std::min(shown, limit)), name.size());
}

// Every word that is too long is cut, and then the message.
inline std::string ShortenMessage(std::string_view message) {
  std::string text;
  size_t at = 0;
  while (at < message.size() && text.size() <= kMaxMessage) {
    const size_t end = std::min(message.find_first_of(" \n", at), message.size());
    text += Shorten(message.substr(at, end - at));
    at = end;
    if (at < message.size()) text += message[at++];
  }
  if (text.size() <= kMaxMessage && at >= message.size()) return text;
  return fmt::format("{}... (a message of {} bytes, cut here)", CutUtf8(text, kMaxMessage), message.size());
}

}  // namespace harness::report
