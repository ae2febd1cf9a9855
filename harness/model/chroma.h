// The melody of a sound as the energy of its pitch classes, frame by frame.
// Source: audiocraft 1.3.0, modules/chroma.py ChromaExtractor; librosa 0.11, filters.py chroma (tuning 0, ctroct 5,
// octwidth 2, norm 2, base_c); torchaudio 2.1, functional spectrogram (power 2, centred, normalised by the window).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "harness/architecture/conditioner_spec.h"

namespace harness::model {

// [n_chroma, n_fft / 2 + 1] float32, CPU: how much each bin of a spectrum counts for each pitch class, starting at C.
// Precondition: n_fft >= 2, n_chroma >= 1.
at::Tensor MakeChromaFilterBank(double sample_rate_hz, int64_t n_fft, int64_t n_chroma);

class ChromaExtractor {
 public:
  // window: [spec.window_length] float32; the extractor lives on its device.
  ChromaExtractor(const architecture::ChromaOptions& spec, at::Tensor window);

  // wav [B, N] float32 at spec.sample_rate_hz -> [B, T, n_chroma] float32, T = 1 + max(N, n_fft) / hop_length. What is
  // shorter than n_fft is padded with silence on both sides. Precondition: N >= 1.
  at::Tensor Extract(const at::Tensor& wav) const;

 private:
  architecture::ChromaOptions spec_;
  at::Tensor window_;       // [window_length]
  at::Tensor filter_bank_;  // [n_chroma, n_fft / 2 + 1]
};

}  // namespace harness::model
