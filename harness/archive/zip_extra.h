// The extra fields of a ZIP header: id (2), length (2), that many bytes, again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "harness/archive/findings.h"
#include "harness/base/little_endian.h"

namespace harness::archive {

constexpr uint16_t kZip64Extra = 0x0001, kUnicodePathExtra = 0x7075, kPyTorchPaddingExtra = 0x4246;  // "FB"

// Calls visit(id, bytes) for each. False where the fields don't fill `extra` exactly; those before are visited.
template <class Visit>
bool ForEachExtra(std::span<const std::byte> extra, Visit visit) {
  while (extra.size() >= 4) {
    const auto id = LoadLittle<uint16_t>(&extra[0]);
    const size_t length = LoadLittle<uint16_t>(&extra[2]);
    extra = extra.subspan(4);
    if (length > extra.size()) return false;
    visit(id, extra.first(length));
    extra = extra.subspan(length);
  }
  return extra.empty();
}

// A record's second name (Info-ZIP's Unicode path field), which Python's zipfile goes by, is the first.
void CheckUnicodePath(std::string_view name, std::span<const std::byte> field, Findings& doubts);

}  // namespace harness::archive
