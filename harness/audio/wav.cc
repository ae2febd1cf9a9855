#include "harness/audio/wav.h"

#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>

#include "harness/base/atomic_file.h"

namespace harness::audio {
namespace {

constexpr int kMaxChannels = 1024;                          // libsndfile's SF_MAX_CHANNELS
constexpr uint64_t kMaxWavDataBytes = 0xFFFFFFFFu - 1024u;  // RIFF sizes have 32 bits; leaves room for the header
constexpr size_t kBlockSamples = size_t{1} << 16;

struct CloseSndfile {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SndfileHandle = std::unique_ptr<SNDFILE, CloseSndfile>;

uint32_t LittleEndian32(const unsigned char* bytes) {
  return static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
         static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

// libsndfile reads a WAV that was cut short without a word, as if it ended there. Programs that stream a WAV write 0 or
// 2^31 - 1 and above as its size, which says "unknown".
Status CheckRiffSize(const std::filesystem::path& path, uint64_t file_bytes) {
  std::array<unsigned char, 8> head{};
  std::ifstream stream(path, std::ios::binary);
  if (!stream.read(reinterpret_cast<char*>(head.data()), head.size()) || std::memcmp(head.data(), "RIFF", 4) != 0) {
    return {};
  }
  const uint32_t riff_bytes = LittleEndian32(head.data() + 4);
  if (riff_bytes == 0 || riff_bytes >= 0x7FFFFF00u || uint64_t{riff_bytes} + 8 <= file_bytes) return {};
  return Error{ErrorCode::kCorrupt,
               fmt::format("{}: is cut short: its RIFF header announces {} bytes, the file has {}", path.string(),
                           uint64_t{riff_bytes} + 8, file_bytes),
               "Copy or download it again"};
}

Error OpenError(const std::filesystem::path& path) {
  const int code = sf_error(nullptr);
  const char* words = sf_strerror(nullptr);
  if (code == SF_ERR_UNRECOGNISED_FORMAT || code == SF_ERR_UNSUPPORTED_ENCODING) {
    return {ErrorCode::kUnsupported,
            fmt::format("{}: is not an audio file that libsndfile reads: {}", path.string(), words),
            "Convert it to WAV"};
  }
  if (code == SF_ERR_SYSTEM) return {ErrorCode::kIo, fmt::format("{}: {}", path.string(), words)};
  return {ErrorCode::kCorrupt, fmt::format("{}: is a damaged audio file: {}", path.string(), words)};
}

Error TooLong(const std::filesystem::path& path, int channels, int sample_rate_hz) {
  return {ErrorCode::kUnsupported,
          fmt::format("{}: has more than {} samples ({} channels at {} Hz), which is the limit of this suite",
                      path.string(), kMaxReadSamples, channels, sample_rate_hz),
          "Cut out the part that matters"};
}

// A file in memory for libsndfile.
struct Memory {
  std::string bytes;
  size_t at = 0;
};

sf_count_t SizeOf(void* memory) { return static_cast<sf_count_t>(static_cast<Memory*>(memory)->bytes.size()); }
sf_count_t PlaceOf(void* memory) { return static_cast<sf_count_t>(static_cast<Memory*>(memory)->at); }
sf_count_t Seek(sf_count_t offset, int whence, void* memory) {
  const sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? PlaceOf(memory) : SizeOf(memory);
  static_cast<Memory*>(memory)->at = static_cast<size_t>(std::max<sf_count_t>(0, from + offset));
  return PlaceOf(memory);
}
sf_count_t WriteTo(const void* data, sf_count_t count, void* memory) {
  auto& [bytes, at] = *static_cast<Memory*>(memory);
  bytes.resize(std::max(bytes.size(), at + static_cast<size_t>(count)));
  std::copy_n(static_cast<const char*>(data), count, bytes.begin() + static_cast<std::ptrdiff_t>(at));
  at += static_cast<size_t>(count);
  return count;
}
sf_count_t ReadNothing(void*, sf_count_t, void*) { return 0; }

Status CheckWritable(const std::string& name, const Waveform& waveform) {
  if (waveform.channels < 1 || waveform.channels > kMaxChannels || waveform.sample_rate_hz < 1) {
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("{}: a WAV needs 1 to {} channels and a sample rate of 1 Hz or more, got {} channels at {} Hz",
                    name, kMaxChannels, waveform.channels, waveform.sample_rate_hz)};
  }
  if (waveform.samples.size() % static_cast<size_t>(waveform.channels) != 0) {
    return Error{ErrorCode::kMismatch, fmt::format("{}: {} samples are not a whole number of frames of {} channels",
                                                   name, waveform.samples.size(), waveform.channels)};
  }
  if (waveform.samples.size() > kMaxWavDataBytes / sizeof(float)) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: {} samples of 4 bytes do not fit into a WAV, which ends at 4 GiB", name,
                             waveform.samples.size())};
  }
  return {};
}

}  // namespace

Result<std::string> EncodePcm16(const Waveform& waveform) {
  HARNESS_RETURN_IF_ERROR(CheckWritable("a sound", waveform));
  Memory memory;
  SF_INFO info{};
  info.samplerate = waveform.sample_rate_hz;
  info.channels = waveform.channels;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16 | SF_ENDIAN_LITTLE;
  SF_VIRTUAL_IO place{SizeOf, Seek, ReadNothing, WriteTo, PlaceOf};
  SndfileHandle handle(sf_open_virtual(&place, SFM_WRITE, &info, &memory));
  if (!handle) return Error{ErrorCode::kIo, fmt::format("a sound could not be encoded: {}", sf_strerror(nullptr))};
  std::vector<int16_t> samples;
  samples.reserve(waveform.samples.size());
  for (const float sample : waveform.samples) {
    const float heard = std::isfinite(sample) ? std::clamp(sample, -1.0F, 1.0F) : 0;
    samples.push_back(static_cast<int16_t>(std::lround(heard * 32767)));
  }
  const auto frames = static_cast<sf_count_t>(waveform.frames());
  if (sf_writef_short(handle.get(), samples.data(), frames) != frames || sf_close(handle.release()) != 0)
    return Error{ErrorCode::kIo, "a sound could not be encoded"};
  return std::move(memory.bytes);
}

Status WriteWav(const std::filesystem::path& path, const Waveform& waveform) {
  HARNESS_RETURN_IF_ERROR(CheckWritable(path.string(), waveform));
  HARNESS_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  SF_INFO info{};
  info.samplerate = waveform.sample_rate_hz;
  info.channels = waveform.channels;
  info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT | SF_ENDIAN_LITTLE;
  SndfileHandle handle(sf_open(file.temporary().c_str(), SFM_WRITE, &info));
  if (!handle) {
    return Error{ErrorCode::kIo, fmt::format("{}: could not be created: {}", path.string(), sf_strerror(nullptr))};
  }
  // The PEAK chunk holds the time of writing: the same sound would give other bytes in every run.
  sf_command(handle.get(), SFC_SET_ADD_PEAK_CHUNK, nullptr, SF_FALSE);
  const auto frames = static_cast<sf_count_t>(waveform.frames());
  const bool written = sf_writef_float(handle.get(), waveform.samples.data(), frames) == frames;
  const std::string words = written ? "the disk may be full" : sf_strerror(handle.get());
  if (sf_close(handle.release()) != 0 || !written) {
    return Error{ErrorCode::kIo, fmt::format("{}: could not be written: {}", path.string(), words)};
  }
  return file.Commit();
}

Result<Waveform> ReadWav(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return Error{ErrorCode::kNotFound, fmt::format("{}: is not there (expected an audio file)", path.string())};
  }
  if (!std::filesystem::is_regular_file(status)) {
    return Error{ErrorCode::kIo, fmt::format("{}: is not a regular file (expected an audio file)", path.string())};
  }
  const uint64_t file_bytes = std::filesystem::file_size(path, error);
  if (error) return Error{ErrorCode::kIo, fmt::format("{}: {}", path.string(), error.message())};
  if (file_bytes == 0) return Error{ErrorCode::kCorrupt, fmt::format("{}: is empty", path.string())};
  HARNESS_RETURN_IF_ERROR(CheckRiffSize(path, file_bytes));

  SF_INFO info{};
  SndfileHandle handle(sf_open(path.c_str(), SFM_READ, &info));
  if (!handle) return OpenError(path);
  if (info.channels < 1 || info.channels > kMaxChannels || info.samplerate < 1) {
    return Error{ErrorCode::kCorrupt, fmt::format("{}: its header says {} channels at {} Hz", path.string(),
                                                  info.channels, info.samplerate)};
  }
  // A count beyond the limit is refused at once; SF_COUNT_MAX means that the format does not know.
  if (info.frames != SF_COUNT_MAX && info.frames > kMaxReadSamples / info.channels) {
    return TooLong(path, info.channels, info.samplerate);
  }

  Waveform waveform{info.samplerate, info.channels, {}};
  const auto channels = static_cast<size_t>(info.channels);
  const size_t block_frames = std::max<size_t>(1, kBlockSamples / channels);
  std::vector<float> block(block_frames * channels);
  while (true) {
    const sf_count_t got = sf_readf_float(handle.get(), block.data(), static_cast<sf_count_t>(block_frames));
    if (got <= 0) break;
    const size_t samples = static_cast<size_t>(got) * channels;
    if (waveform.samples.size() + samples > static_cast<size_t>(kMaxReadSamples)) {
      return TooLong(path, info.channels, info.samplerate);
    }
    waveform.samples.insert(waveform.samples.end(), block.begin(),
                            block.begin() + static_cast<std::ptrdiff_t>(samples));
  }
  const bool cut = info.frames != SF_COUNT_MAX && waveform.frames() < info.frames;
  if (sf_error(handle.get()) != SF_ERR_NO_ERROR || cut) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{}: is damaged: {} of {} frames could be decoded ({})", path.string(), waveform.frames(),
                             info.frames, sf_strerror(handle.get()))};
  }
  return waveform;
}

}  // namespace harness::audio
