// Little-endian numbers out of bytes of any alignment. The caller checks that the bytes are there.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>

namespace harness {

static_assert(std::endian::native == std::endian::little, "checkpoints are little-endian and are read in place");

template <class T>
inline T LoadLittle(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace harness
