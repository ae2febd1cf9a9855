// The header of a safetensors file: names, types, shapes and where the bytes are. Nothing is copied or read beyond it.
//
// Layout: u64 little-endian N; N bytes of JSON, {"__metadata__": {text: text}, NAME: {"dtype", "shape", "data_offsets":
// [begin, end)}, ...}; the payload, which the tensors cover without holes or overlaps.
// Errors: kCorrupt, kUnsupported (an element type that this suite does not know), naming the file, the tensor and the
// place. Every number is checked against the file's size before anything is sized by it.
// Source: https://github.com/huggingface/safetensors#format, and what safetensors 0.8.0 refuses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/pickle/dtype.h"

namespace harness::checkpoint {

struct SafetensorsEntry {
  std::string name;
  pickle::Dtype dtype;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // of the file: CountElementBytes(dtype) times the product of `shape`, row-major
};

struct Safetensors {
  std::map<std::string, std::string> metadata;  // "format": "pt", ...
  std::vector<SafetensorsEntry> entries;        // in the header's order
};

// `file` is the whole file, and must outlive the result; `file_name` starts every message.
Result<Safetensors> ReadSafetensors(std::span<const std::byte> file, std::string_view file_name);

}  // namespace harness::checkpoint
