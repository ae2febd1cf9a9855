// Codes and sound, as files have them.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>

#include "harness/audio/wav.h"
#include "harness/base/result.h"
#include "harness/pipeline/music.h"

namespace conformance {

// codes: [K, T]
harness::Status WriteCodes(const std::filesystem::path& path, const at::Tensor& codes);

// audio: [C, N] float32 on the CPU
harness::audio::Waveform ToWaveform(const at::Tensor& audio, int64_t sample_rate_hz);

// The codes and the sound of the first sample, at paths below `output`.
harness::Status WriteMusic(const std::filesystem::path& output, const std::string& tokens, const std::string& audio,
                           const harness::pipeline::GeneratedMusic& music, int64_t sample_rate_hz);

}  // namespace conformance
