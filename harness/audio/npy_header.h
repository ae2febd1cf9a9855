// The header of a .npy file: the one Python dict literal that NumPy writes, parsed strictly.
// Errors (the message has no file name): kCorrupt, kUnsupported (a structured descr).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace harness::audio {

struct NpyHeader {
  std::string descr;  // "<i4"
  bool fortran_order = false;
  std::vector<int64_t> shape;  // each >= 0
};

Result<NpyHeader> ParseNpyHeader(std::string_view text);

// The dict, without padding.
std::string FormatNpyHeader(const NpyHeader& header);

}  // namespace harness::audio
