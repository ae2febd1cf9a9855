// What a generation leaves on the disk.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>

#include "harness/base/result.h"
#include "harness/pipeline/music.h"

namespace conformance {

// codes: [K, T]
harness::Status WriteCodes(const std::filesystem::path& path, const at::Tensor& codes);

// The codes and the sound of the first sample, at paths below `output`.
harness::Status WriteMusic(const std::filesystem::path& output, const std::string& tokens, const std::string& audio,
                           const harness::pipeline::GeneratedMusic& music, int64_t sample_rate_hz);

}  // namespace conformance
