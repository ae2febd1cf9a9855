// The audio file and the array that a run reads: the profile's melody (any format that libsndfile knows), and .npy. The
// first byte chooses.
#include "harness/audio/npy.h"
#include "harness/audio/signal_statistics.h"
#include "harness/audio/wav.h"
#include "harness/fuzz/fuzz_input.h"

using namespace harness;
using namespace harness::fuzz;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view file = AsText(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    WriteScratch("array.npy", file);
    (void)audio::ReadNpy<int32_t>(ScratchFolder() / "array.npy");
    (void)audio::ReadNpy<float>(ScratchFolder() / "array.npy");
    return 0;
  }
  WriteScratch("melody.wav", file);
  const auto waveform = audio::ReadWav(ScratchFolder() / "melody.wav");
  if (!waveform.ok()) return 0;
  Require(waveform->samples.size() == static_cast<size_t>(waveform->frames() * waveform->channels), "whole frames");
  (void)audio::ComputeSignalStatistics(*waveform);
  return 0;
}
