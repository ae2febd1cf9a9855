#include "harness/audio/signal_loop.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstddef>
#include <limits>
#include <numbers>
#include <utility>

namespace harness::audio {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kMinLagS = 0.01;
constexpr double kMaxSignalS = 60;
constexpr size_t kCandidates = 16;
constexpr double kConstantAcRms = 1e-9;  // below: what is left is the rounding of the mean

// In place, unscaled, radix 2 (Cooley and Tukey, 1965). Size: a power of two. The same transform serves both ways here:
// a power spectrum is real and even, and so is its transform.
void Fourier(std::vector<std::complex<double>>& values) {
  const size_t size = values.size();
  for (size_t i = 1, j = 0; i < size; ++i) {
    size_t bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
  std::vector<std::complex<double>> roots(size / 2);
  for (size_t i = 0; i < roots.size(); ++i) {
    roots[i] = std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(size));
  }
  for (size_t half = 1; half < size; half *= 2) {
    const size_t stride = size / (2 * half);
    for (size_t start = 0; start < size; start += 2 * half) {
      for (size_t k = 0; k < half; ++k) {
        const std::complex<double> root = roots[k * stride];
        std::complex<double>& low = values[start + k];
        std::complex<double>& high = values[start + k + half];
        // Written out: operator* of std::complex checks every product for NaN.
        const std::complex<double> turned(root.real() * high.real() - root.imag() * high.imag(),
                                          root.real() * high.imag() + root.imag() * high.real());
        high = low - turned;
        low += turned;
      }
    }
  }
}

// Normalised autocorrelation for lags 0..max_lag; empty where the signal is constant.
std::vector<double> Autocorrelation(std::span<const std::vector<float>> channels, size_t frames, size_t max_lag) {
  const size_t size = std::bit_ceil(2 * frames);
  std::vector<double> power(size, 0.0);
  std::vector<double> energy(frames + 1, 0.0);  // energy[n]: of the first n frames
  for (const std::vector<float>& channel : channels) {
    double sum = 0;
    for (size_t n = 0; n < frames; ++n) sum += channel[n];
    const double mean = sum / static_cast<double>(frames);
    std::vector<std::complex<double>> spectrum(size);
    for (size_t n = 0; n < frames; ++n) {
      const double value = channel[n] - mean;
      spectrum[n] = value;
      energy[n + 1] += value * value;
    }
    Fourier(spectrum);
    for (size_t k = 0; k < size; ++k) power[k] += std::norm(spectrum[k]);
  }
  for (size_t n = 0; n < frames; ++n) energy[n + 1] += energy[n];
  const double total = energy[frames];
  if (!(std::sqrt(total / static_cast<double>(frames * channels.size())) > kConstantAcRms)) return {};

  std::vector<std::complex<double>> products(power.begin(), power.end());
  Fourier(products);
  std::vector<double> correlation(max_lag + 1);
  for (size_t lag = 0; lag <= max_lag; ++lag) {
    const double scale = std::sqrt(energy[frames - lag] * (total - energy[lag]));
    const double sum = products[lag].real() / static_cast<double>(size);
    correlation[lag] = scale > 1e-9 * total ? std::clamp(sum / scale, -1.0, 1.0) : 0.0;
  }
  return correlation;
}

bool Repeats(std::span<const std::vector<float>> channels, size_t begin, size_t end, size_t lag) {
  for (const std::vector<float>& channel : channels) {
    for (size_t n = begin; n < end; ++n) {
      const double difference = static_cast<double>(channel[n]) - static_cast<double>(channel[n - lag]);
      if (!(std::abs(difference) <= kRepeatTolerance)) return false;
    }
  }
  return true;
}

}  // namespace

SignalLoop MeasureLoop(std::span<const std::vector<float>> channels, int sample_rate_hz) {
  SignalLoop loop{kNone, kNone, kNone, kNone};
  if (channels.empty() || sample_rate_hz < 1) return loop;
  const double rate = sample_rate_hz;
  const size_t frames = std::min(channels[0].size(), static_cast<size_t>(kMaxSignalS * rate));
  const auto window = static_cast<size_t>(std::max(1.0, std::round(kSignalWindowS * rate)));
  if (frames < 2 * window) return loop;
  const auto min_lag = static_cast<size_t>(std::max(1.0, std::round(kMinLagS * rate)));
  const size_t max_lag = frames / 2;

  const std::vector<double> correlation = Autocorrelation(channels, frames, max_lag + 1);
  std::vector<size_t> lags;
  for (size_t lag = min_lag; lag <= max_lag && !correlation.empty(); ++lag) {
    if (correlation[lag] >= correlation[lag - 1] && correlation[lag] >= correlation[lag + 1]) lags.push_back(lag);
  }
  const size_t kept = std::min(kCandidates, lags.size());
  std::partial_sort(
      lags.begin(), lags.begin() + static_cast<std::ptrdiff_t>(kept), lags.end(),
      [&](size_t a, size_t b) { return correlation[a] != correlation[b] ? correlation[a] > correlation[b] : a < b; });
  lags.resize(kept);
  if (!lags.empty()) {
    loop.correlation = correlation[lags[0]];
    loop.correlation_lag_s = static_cast<double>(lags[0]) / rate;
  }

  loop.repeated_share = 0;
  lags.push_back(window);
  for (size_t lag : lags) {
    size_t windows = 0;
    size_t repeated = 0;
    for (size_t begin = lag; begin + window <= frames; begin += window) {
      ++windows;
      if (Repeats(channels, begin, begin + window, lag)) ++repeated;
    }
    const double share = static_cast<double>(repeated) / static_cast<double>(windows);
    if (share > loop.repeated_share) {
      loop.repeated_share = share;
      loop.repeated_lag_s = static_cast<double>(lag) / rate;
    }
  }
  return loop;
}

}  // namespace harness::audio
