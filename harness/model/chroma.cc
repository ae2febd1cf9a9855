#include "harness/model/chroma.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <vector>

namespace harness::model {

at::Tensor MakeChromaFilterBank(double sample_rate_hz, int64_t n_fft, int64_t n_chroma) {
  constexpr double kCentreOctave = 5, kOctaveWidth = 2;
  const auto classes = static_cast<double>(n_chroma);
  // Position of each FFT bin on the scale of pitch classes, counted from A0. Bin 0 has none: 1.5 octaves below bin 1.
  std::vector<double> position(static_cast<size_t>(n_fft));
  for (int64_t bin = 1; bin < n_fft; ++bin) {
    const double hz = static_cast<double>(bin) * (sample_rate_hz / static_cast<double>(n_fft));
    position[static_cast<size_t>(bin)] = classes * std::log2(hz / (440.0 / 16));
  }
  position[0] = position[1] - 1.5 * classes;

  const double half = std::nearbyint(classes / 2);                  // to even, as numpy rounds
  const int64_t bins = n_fft / 2 + 1, first = 3 * (n_chroma / 12);  // `first`: of C, counted from A
  at::Tensor bank = at::empty({n_chroma, bins}, at::kFloat);
  auto weights = bank.accessor<float, 2>();
  std::vector<double> column(static_cast<size_t>(n_chroma));
  for (int64_t bin = 0; bin < bins; ++bin) {
    const auto at = static_cast<size_t>(bin);
    const double width = at + 1 < position.size() ? std::fmax(position[at + 1] - position[at], 1) : 1;
    double sum = 0;
    for (int64_t c = 0; c < n_chroma; ++c) {
      const double shifted = position[at] - static_cast<double>(c) + half + 10 * classes;
      const double distance = shifted - classes * std::floor(shifted / classes) - half;
      const double weight = std::exp(-0.5 * std::pow(2 * distance / width, 2));
      column[static_cast<size_t>(c)] = weight;
      sum += weight * weight;
    }
    double length = std::sqrt(sum);
    if (length < std::numeric_limits<double>::min()) length = 1;  // librosa leaves such a column as it is
    const double octave = std::exp(-0.5 * std::pow((position[at] / classes - kCentreOctave) / kOctaveWidth, 2));
    for (int64_t c = 0; c < n_chroma; ++c) {
      const int64_t row = (c - first % n_chroma + n_chroma) % n_chroma;
      weights[row][bin] = static_cast<float>(column[static_cast<size_t>(c)] / length * octave);
    }
  }
  return bank;
}

ChromaExtractor::ChromaExtractor(const architecture::ChromaOptions& spec, at::Tensor window)
    : spec_(spec),
      window_(std::move(window)),
      filter_bank_(MakeChromaFilterBank(spec.sample_rate_hz, spec.n_fft, spec.n_chroma).to(window_.device())) {}

at::Tensor ChromaExtractor::Extract(const at::Tensor& wav) const {
  at::Tensor padded = wav;
  if (const int64_t missing = spec_.n_fft - wav.size(-1); missing > 0) {
    padded = at::constant_pad_nd(wav, {missing / 2, missing - missing / 2});
  }
  const at::Tensor spectrum =
      at::stft(padded, spec_.n_fft, spec_.hop_length, spec_.window_length, window_, /*center=*/true, "reflect",
               /*normalized=*/false, /*onesided=*/true, /*return_complex=*/true) /
      window_.square().sum().sqrt();
  const at::Tensor raw = at::matmul(filter_bank_, spectrum.abs().square());  // [B, n_chroma, T]
  const at::Tensor norm = at::norm(raw, spec_.norm, {-2}, true).clamp_min(1e-6);
  const at::Tensor chroma = (raw / norm).transpose(1, 2);
  if (!spec_.argmax) return chroma;
  return at::zeros_like(chroma).scatter(-1, chroma.argmax(-1, true), 1);
}

}  // namespace harness::model
