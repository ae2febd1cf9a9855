#include "conformance/stages/music_artifacts.h"

#include <ATen/ATen.h>

#include "harness/audio/npy.h"
#include "harness/audio/wav.h"

namespace conformance {

namespace fs = std::filesystem;

harness::Status WriteCodes(const fs::path& path, const at::Tensor& codes) {
  const at::Tensor ints = codes.to(at::kInt).contiguous();
  harness::audio::NpyArray<int32_t> array{{ints.size(0), ints.size(1)}, {}};
  array.values.assign(ints.data_ptr<int32_t>(), ints.data_ptr<int32_t>() + ints.numel());
  return harness::audio::WriteNpy(path, array);
}

harness::audio::Waveform ToWaveform(const at::Tensor& audio, int64_t sample_rate_hz) {
  const at::Tensor interleaved = audio.t().contiguous();  // [N, C]
  harness::audio::Waveform waveform{.sample_rate_hz = static_cast<int>(sample_rate_hz),
                                    .channels = static_cast<int>(interleaved.size(1)),
                                    .samples = {}};
  waveform.samples.assign(interleaved.data_ptr<float>(), interleaved.data_ptr<float>() + interleaved.numel());
  return waveform;
}

harness::Status WriteMusic(const fs::path& output, const std::string& tokens, const std::string& audio,
                           const harness::pipeline::GeneratedMusic& music, int64_t sample_rate_hz) {
  std::error_code error;
  fs::create_directories((output / tokens).parent_path(), error);
  HARNESS_RETURN_IF_ERROR(WriteCodes(output / tokens, music.codes[0]));
  return harness::audio::WriteWav(output / audio, ToWaveform(music.audio[0], sample_rate_hz));
}

}  // namespace conformance
