// Whether a ZIP archive can be read in one way only. Readers differ: one goes by the directory, another by the local
// headers, a third by the descriptors behind the records; one tells names apart by case, another doesn't. Here all of
// them must say the same, and every byte of the file must belong to a record, the directory or an end record, as all
// writers (PyTorch, Python's zipfile, Info-ZIP, 7-Zip, libarchive) lay it out. checkpoint/FORMAT.md has the rules one
// by one.
//
// What differs is added to the directory's doubts. Time is linear in the directory, n log n for its order.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "harness/archive/zip_directory.h"

namespace harness::archive {

inline constexpr size_t kLocalHeaderSize = 30;  // bytes, without the name and the extra fields

// Names: told apart by more than the case of ASCII letters, which PyTorch's miniz doesn't look at; nothing that one
// reader cuts, turns or follows (NUL, backslash, `..`, a leading slash). Names that are alike are ZipArchive's own
// error.
void CheckZipNames(ZipDirectory& directory);

// Local headers, descriptors and extra fields against the directory, and no byte in between. Precondition: every local
// header lies inside the file (ZipArchive::status() is ok).
void CheckZipLayout(std::span<const std::byte> file, ZipDirectory& directory);

// As miniz compares names: ASCII letters only.
std::string LowerAscii(std::string_view name);

}  // namespace harness::archive
