#include "conformance/program/page_sounds.h"

#include <algorithm>
#include <system_error>

#include "harness/audio/wav.h"

namespace conformance {
namespace {

constexpr size_t kMostBytes = 3 << 20;  // of all sounds: 4 MiB as base64, of the page's 5 MB
constexpr int64_t kColumns = 600;

// Least and largest of all channels.
void TakeColumns(const harness::audio::Waveform& waveform, harness::report::PageSound& sound) {
  const int64_t frames = waveform.frames(), columns = std::min(kColumns, frames);
  for (int64_t column = 0; column < columns; ++column) {
    const auto at = [&](int64_t i) { return waveform.samples.begin() + (i * frames / columns) * waveform.channels; };
    // NaN compares as neither.
    const auto [low, high] = std::minmax_element(at(column), at(column + 1));
    sound.lows.push_back(*low);
    sound.highs.push_back(*high);
  }
}

}  // namespace

harness::report::PageSounds ReadPageSounds(const std::filesystem::path& folder, const harness::report::Report& report) {
  harness::report::PageSounds sounds;
  size_t left = kMostBytes;
  for (const harness::report::GenerationResult& result : report.generation) {
    std::error_code error;  // as 16 bits a sample it takes half
    if (result.audio.empty() || std::filesystem::file_size(folder / result.audio, error) / 2 > left || error) continue;
    const auto waveform = harness::audio::ReadWav(folder / result.audio);
    if (!waveform.ok() || waveform->samples.empty()) continue;
    auto wav = harness::audio::EncodePcm16(*waveform);
    if (!wav.ok()) continue;
    left -= std::min(left, wav->size());
    harness::report::PageSound& sound = sounds[result.audio];
    sound.wav = *std::move(wav);
    sound.seconds = static_cast<double>(waveform->frames()) / waveform->sample_rate_hz;
    TakeColumns(*waveform, sound);
  }
  return sounds;
}

}  // namespace conformance
