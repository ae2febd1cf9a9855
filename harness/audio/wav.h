// Waveforms, and audio files through libsndfile.
//
// WriteWav: RIFF WAV, 32-bit IEEE float, little endian. Values are stored bit for bit: beyond +-1, infinite and NaN
// stay what they are, because the judged file must be the sound that was made. The same waveform gives the same bytes.
//   Errors: kMismatch (samples that are not a whole number of frames), kUnsupported (channels outside 1..1024, a rate below 1
//   Hz, more than 4 GiB), kIo.
// ReadWav: any format that libsndfile reads; integers are scaled to [-1, 1).
//   Errors: kNotFound, kIo (a folder, not readable), kCorrupt (empty, cut short, damaged), kUnsupported (not a format
//   that libsndfile knows; more than kMaxReadSamples).
//   Memory grows with what was decoded, never with what a header claims.
// Source: libsndfile's API page (sf_open, sf_readf_float, SFC_SET_ADD_PEAK_CHUNK).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/result.h"

namespace harness::audio {

struct Waveform {
  int sample_rate_hz = 0;
  int channels = 0;
  std::vector<float> samples;  // [N, C] interleaved; full scale is 1

  int64_t frames() const { return channels > 0 ? static_cast<int64_t>(samples.size()) / channels : 0; }
};

// Frames times channels: 46 minutes of 48 kHz stereo, 1 GiB of memory.
inline constexpr int64_t kMaxReadSamples = int64_t{1} << 28;

// The bytes of a WAV of 16-bit integers, to be heard: what is beyond full scale is cut off, what is not finite silent.
// Errors: as WriteWav.
Result<std::string> EncodePcm16(const Waveform& waveform);

Status WriteWav(const std::filesystem::path& path, const Waveform& waveform);
Result<Waveform> ReadWav(const std::filesystem::path& path);

}  // namespace harness::audio
