#include "harness/text/python_space.h"

#include <algorithm>
#include <array>

namespace harness::text {
namespace {

// Every code point for which Python 3.11's str.isspace() holds.
constexpr std::array<std::string_view, 29> kSpaces = {
    "\t",           "\n",           "\x0b",         "\x0c",         "\r",
    "\x1c",         "\x1d",         "\x1e",         "\x1f",         " ",
    "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
    "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
    "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};

}  // namespace

std::string StripLeft(std::string_view text) {
  for (;;) {
    const auto* space = std::find_if(kSpaces.begin(), kSpaces.end(), [&](auto s) { return text.starts_with(s); });
    if (space == kSpaces.end()) return std::string(text);
    text.remove_prefix(space->size());
  }
}

std::string StripRight(std::string_view text) {
  for (;;) {
    const auto* space = std::find_if(kSpaces.begin(), kSpaces.end(), [&](auto s) { return text.ends_with(s); });
    if (space == kSpaces.end()) return std::string(text);
    text.remove_suffix(space->size());
  }
}

}  // namespace harness::text
