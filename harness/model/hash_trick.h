// Which entry of a lookup table a text takes: SHA-256 of its UTF-8 bytes, as one big number, modulo the table's size.
// SHA-256 is written out here: no library that the project needs for anything else has it.
// Source: audiocraft 1.3.0, utils/utils.py hash_trick; FIPS 180-4.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace harness::model {

// Big-endian, as hexdigest() prints it.
std::array<uint8_t, 32> ComputeSha256(std::string_view bytes);

// In [0, bins). Precondition: 0 < bins <= 2^55.
int64_t HashTrick(std::string_view text, int64_t bins);

}  // namespace harness::model
