#include "harness/archive/tar_header.h"

#include <string>

namespace harness::archive {
namespace {

constexpr size_t kBlock = 512, kChecksumAt = 148, kChecksumSize = 8;

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f'); }

}  // namespace

std::optional<uint64_t> ParseTarNumber(std::string_view field) {
  if (field.empty()) return std::nullopt;
  if (const auto first = static_cast<unsigned char>(field[0]); first == 0x80 || first == 0xff) {
    if (first == 0xff) return std::nullopt;  // negative
    uint64_t value = 0;
    for (const char c : field.substr(1)) {
      if (value >> 56 != 0) return std::nullopt;
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
  }
  field = field.substr(0, field.find('\0'));
  while (!field.empty() && IsSpace(field.front())) field.remove_prefix(1);
  while (!field.empty() && IsSpace(field.back())) field.remove_suffix(1);
  if (field.starts_with('+')) field.remove_prefix(1);
  if (field.starts_with("0o") || field.starts_with("0O")) field.remove_prefix(2);
  uint64_t value = 0;
  for (const char c : field) {
    if (c == '_') continue;
    if (c < '0' || c > '7' || value >> 61 != 0) return std::nullopt;
    value = value << 3 | static_cast<uint64_t>(c - '0');
  }
  return value;
}

bool IsTarHeader(std::span<const std::byte> file) {
  if (file.size() < kBlock) return false;
  int64_t plain = 0, with_sign = 0;  // old writers added signed characters
  for (size_t i = 0; i < kBlock; ++i) {
    const bool inside = i >= kChecksumAt && i < kChecksumAt + kChecksumSize;
    const auto byte = inside ? uint8_t{' '} : std::to_integer<uint8_t>(file[i]);
    plain += byte;
    with_sign += static_cast<int8_t>(byte);
  }
  const std::string_view field(reinterpret_cast<const char*>(file.data()) + kChecksumAt, kChecksumSize);
  const std::optional<uint64_t> stated = ParseTarNumber(field);
  if (!stated) return false;
  return static_cast<int64_t>(*stated) == plain || static_cast<int64_t>(*stated) == with_sign;
}

}  // namespace harness::archive
