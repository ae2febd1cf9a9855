#include "harness/audio/round_trip.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <vector>

namespace harness::audio {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kWindowS = 0.032;
constexpr double kLongestDelayS = 0.25;
constexpr size_t kBands = 24;
constexpr double kLowestHz = 60;
constexpr double kFloor = 1e-8;  // of a band's energy, of a sound of rms 1: what is below nobody hears beside it

using Complex = std::complex<double>;

// In place; a power of two. The inverse is not divided by the size.
void Transform(std::vector<Complex>& values, bool inverse) {
  const size_t size = values.size();
  for (size_t i = 1, j = 0; i < size; ++i) {
    size_t bit = size >> 1;
    for (; (j & bit) != 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
  for (size_t length = 2; length <= size; length <<= 1) {
    const Complex step = std::polar(1.0, (inverse ? 2 : -2) * std::numbers::pi / static_cast<double>(length));
    std::vector<Complex> turns(length / 2, 1);
    for (size_t k = 1; k < turns.size(); ++k) turns[k] = turns[k - 1] * step;
    for (size_t start = 0; start < size; start += length) {
      for (size_t k = 0; k < length / 2; ++k) {
        const Complex even = values[start + k], odd = values[start + k + length / 2] * turns[k];
        values[start + k] = even + odd;
        values[start + k + length / 2] = even - odd;
      }
    }
  }
}

// The mean of the channels, without its own mean.
std::vector<double> MixDown(const Waveform& wav, size_t frames) {
  std::vector<double> mix(frames);
  double mean = 0;
  for (size_t i = 0; i < frames; ++i) {
    for (size_t c = 0; c < static_cast<size_t>(wav.channels); ++c) {
      mix[i] += wav.samples[i * static_cast<size_t>(wav.channels) + c] / static_cast<double>(wav.channels);
    }
    mean += mix[i] / static_cast<double>(frames);
  }
  for (double& sample : mix) sample -= mean;
  return mix;
}

double Energy(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return sum;
}

std::vector<double> Normalize(std::vector<double> sound) {
  const double scale = std::sqrt(static_cast<double>(sound.size()) / Energy(sound));
  for (double& sample : sound) sample *= scale;
  return sound;
}

// [W, kBands] dB: Hann windows that overlap by half. Bands without a bin of their own stay at the floor.
std::vector<double> MeasureBands(const std::vector<double>& sound, double rate) {
  const size_t size = std::bit_ceil(static_cast<size_t>(std::max(16.0, rate * kWindowS)));
  std::vector<double> levels;
  if (sound.size() < size) return levels;
  const double top = rate / 2, low = std::min(kLowestHz, top / 4);
  for (size_t start = 0; start + size <= sound.size(); start += size / 2) {
    std::vector<Complex> window(size);
    for (size_t i = 0; i < size; ++i) {
      const double hann =
          0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(size));
      window[i] = sound[start + i] * hann;
    }
    Transform(window, false);
    std::vector<double> energy(kBands, kFloor);
    for (size_t bin = 1; bin < size / 2; ++bin) {
      const double hz = static_cast<double>(bin) * rate / static_cast<double>(size);
      if (hz < low) continue;
      const auto band = static_cast<size_t>(std::log(hz / low) / std::log(top / low) * kBands);
      energy[std::min(band, kBands - 1)] += std::norm(window[bin]) / static_cast<double>(size * size);
    }
    for (const double value : energy) levels.push_back(10 * std::log10(value));
  }
  return levels;
}

double Correlate(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum / std::sqrt(Energy(a) * Energy(b));
}

void SubtractBandMeans(std::vector<double>& levels) {
  const size_t windows = levels.size() / kBands;
  for (size_t band = 0; band < kBands; ++band) {
    double mean = 0;
    for (size_t w = 0; w < windows; ++w) mean += levels[w * kBands + band] / static_cast<double>(windows);
    for (size_t w = 0; w < windows; ++w) levels[w * kBands + band] -= mean;
  }
}

void CompareBands(const std::vector<double>& reference, const std::vector<double>& decoded, double rate,
                  RoundTrip& trip) {
  std::vector<double> a = MeasureBands(Normalize(reference), rate), b = MeasureBands(Normalize(decoded), rate);
  if (a.size() < 4 * kBands) return;
  double error = 0;
  for (size_t i = 0; i < a.size(); ++i) error += std::fabs(b[i] - a[i]);
  trip.band_error_db = error / static_cast<double>(a.size());
  SubtractBandMeans(a);
  SubtractBandMeans(b);
  trip.band_correlation = Correlate(a, b);
}

void CompareWaves(const std::vector<double>& reference, const std::vector<double>& decoded, double rate,
                  RoundTrip& trip) {
  trip.wave_correlation = Correlate(reference, decoded);
  const size_t size = std::bit_ceil(2 * reference.size());
  std::vector<Complex> a(size), b(size);
  std::copy(reference.begin(), reference.end(), a.begin());
  std::copy(decoded.begin(), decoded.end(), b.begin());
  Transform(a, false);
  Transform(b, false);
  for (size_t i = 0; i < size; ++i) a[i] = std::conj(a[i]) * b[i];
  Transform(a, true);
  const double scale = static_cast<double>(size) * std::sqrt(Energy(reference) * Energy(decoded));
  const auto longest =
      std::min(static_cast<int64_t>(kLongestDelayS * rate), static_cast<int64_t>(reference.size()) - 1);
  trip.best_wave_correlation = trip.wave_correlation;
  for (int64_t lag = -longest; lag <= longest; ++lag) {
    const double value = a[static_cast<size_t>(lag < 0 ? lag + static_cast<int64_t>(size) : lag)].real() / scale;
    if (!(std::fabs(value) > std::fabs(trip.best_wave_correlation) + 1e-9)) continue;
    trip.best_wave_correlation = value;
    trip.delay_samples = lag;
  }
}

}  // namespace

RoundTrip CompareRoundTrip(const Waveform& reference, const Waveform& decoded) {
  RoundTrip trip{.samples = reference.frames(),
                 .decoded_samples = decoded.frames(),
                 .gain_db = kNan,
                 .mean = kNan,
                 .clipped_share = kNan,
                 .band_correlation = kNan,
                 .band_error_db = kNan,
                 .wave_correlation = kNan,
                 .best_wave_correlation = kNan,
                 .delay_samples = 0};
  double sum = 0;
  int64_t clipped = 0;
  for (const float sample : decoded.samples) {
    trip.not_finite += std::isfinite(sample) ? 0 : 1;
    clipped += std::fabs(sample) >= 1 ? 1 : 0;
    sum += sample;
  }
  const bool finite = std::all_of(reference.samples.begin(), reference.samples.end(),
                                  [](float sample) { return std::isfinite(sample); });
  const auto frames = static_cast<size_t>(std::min(trip.samples, trip.decoded_samples));
  if (trip.not_finite > 0 || !finite || frames == 0 || reference.sample_rate_hz < 1) return trip;
  trip.mean = sum / static_cast<double>(decoded.samples.size());
  trip.clipped_share = static_cast<double>(clipped) / static_cast<double>(decoded.samples.size());
  const std::vector<double> a = MixDown(reference, frames), b = MixDown(decoded, frames);
  const double rate = reference.sample_rate_hz, energy = Energy(a), decoded_energy = Energy(b);
  if (!(energy > 0)) return trip;
  trip.gain_db = 10 * std::log10(decoded_energy / energy);  // of silence: minus infinity
  if (!(decoded_energy > 0)) return trip;
  CompareBands(a, b, rate, trip);
  CompareWaves(a, b, rate, trip);
  return trip;
}

}  // namespace harness::audio
