// NumPy's .npy files: one array, C order, little endian.
//
//   bytes 0..5    \x93NUMPY
//   bytes 6, 7    version: 1.0 or 2.0
//   then          length of the header: uint16 (1.0) or uint32 (2.0), little endian
//   header        {'descr': '<i4', 'fortran_order': False, 'shape': (4, 100), }  spaces, '\n'
//   then          the values, row by row, up to the end of the file
//
// Read: int32 ('<i4'), int64 ('<i8') and float32 ('<f4'); written: int32 and float32, as version 1.0 with the data
// aligned to 64 bytes. Nothing is converted: T must be what the file holds. The shape is checked against the file's
// size before memory is taken for it. shape () is one value; a 0 in the shape is an empty array. Errors: kNotFound,
// kIo, kCorrupt (not such a file, cut short, bytes left over), kMismatch (another of the three types; when writing:
// values and shape disagree), kUnsupported (other types, big endian, Fortran order, version 3.0), kUnsafe (an array of
// Python objects, which only a pickle can hold). Source: NumPy Enhancement Proposal 1; numpy/lib/format.py of
// NumPy 1.26.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "harness/base/result.h"

namespace harness::audio {

template <class T>
struct NpyArray {
  std::vector<int64_t> shape;
  std::vector<T> values;  // [shape...], row-major
};

// T: int32_t, int64_t or float.
template <class T>
Result<NpyArray<T>> ReadNpy(const std::filesystem::path& path);

// T: int32_t or float.
template <class T>
Status WriteNpy(const std::filesystem::path& path, const NpyArray<T>& array);

}  // namespace harness::audio
