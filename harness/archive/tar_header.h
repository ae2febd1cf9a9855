// Whether a file begins as a tar archive does, to the most tolerant of readers. torch.load asks Python's tarfile before
// it looks for the magic number of its legacy format, and unpickles the member `storages` of whatever opens.
//
// Source: CPython 3.8 to 3.13, Lib/tarfile.py (TarInfo.frombuf, nti, calc_chksums); torch/serialization.py,
// legacy_load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace harness::archive {

// The checksum at offset 148 is that of the first 512 bytes: all that tarfile looks at (V7, ustar, GNU and pax alike).
bool IsTarHeader(std::span<const std::byte> file);

// A number field of a header: octal text as Python's int(text, 8) takes it, or base 256.
std::optional<uint64_t> ParseTarNumber(std::string_view field);

}  // namespace harness::archive
