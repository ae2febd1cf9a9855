#include "harness/archive/crc32.h"

#include <libdeflate.h>

namespace harness::archive {
namespace {

constexpr uint32_t kPolynomial = 0xedb88320;  // bit 31 is x^0

// Product of two polynomials modulo kPolynomial, in the reflected order of bits.
uint32_t Multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = uint32_t{1} << 31; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = b & 1 ? b >> 1 ^ kPolynomial : b >> 1;
  }
  return product;
}

}  // namespace

uint32_t ComputeCrc32(uint32_t crc, std::span<const std::byte> bytes) {
  return libdeflate_crc32(crc, bytes.data(), bytes.size());
}

uint32_t CombineCrc32(uint32_t crc_a, uint32_t crc_b, uint64_t size_b) {
  uint32_t power = uint32_t{1} << 23;  // x^8
  uint32_t shift = uint32_t{1} << 31;  // 1
  for (; size_b != 0; size_b >>= 1) {
    if (size_b & 1) shift = Multiply(shift, power);
    power = Multiply(power, power);
  }
  return Multiply(crc_a, shift) ^ crc_b;
}

}  // namespace harness::archive
