// Bytes of texts and numbers.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace harness::testing_support {

inline std::span<const std::byte> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

template <class T>
std::string Little(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace harness::testing_support
