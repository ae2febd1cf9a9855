// CRC-32 as ZIP has it (polynomial 0xedb88320), and the CRC of two pieces from theirs, so that pieces can be summed in
// parallel. Source: PKWARE APPNOTE 4.4.7; the combination is multiplication by x^(8 n) modulo the polynomial.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace harness::archive {

// Continues `crc` (0 at the start) over `bytes`.
uint32_t ComputeCrc32(uint32_t crc, std::span<const std::byte> bytes);

// The CRC of A followed by B, from the CRCs of both and the length of B.
uint32_t CombineCrc32(uint32_t crc_a, uint32_t crc_b, uint64_t size_b);

}  // namespace harness::archive
