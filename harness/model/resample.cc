#include "harness/model/resample.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

namespace harness::model {
namespace {

constexpr int kZeros = 24;  // zero crossings of the sinc on each side
constexpr double kRolloff = 0.945;
constexpr int64_t kMaxTaps = int64_t{1} << 26;

// The taps of one phase that are not zero.
struct Filter {
  int64_t first = 0;  // sample, relative to the start of a period, that taps[0] weighs
  std::vector<float> taps;
};

// julius computes the arguments in float32, where a sample far from the start loses digits: so does this.
Filter MakeFilter(int64_t phase, int64_t from, int64_t to, int64_t width) {
  const auto rate = static_cast<float>(static_cast<double>(std::min(from, to)) * kRolloff);
  const auto shift = static_cast<float>(-static_cast<double>(phase) / static_cast<double>(to));
  constexpr auto kPi = static_cast<float>(std::numbers::pi);
  constexpr float kLimit = kZeros;
  const int64_t centre = phase * from / to;
  Filter filter{.first = centre - width - 1, .taps = {}};
  float sum = 0;
  for (int64_t i = filter.first; i <= centre + width + 1; ++i) {
    const float t = (shift + static_cast<float>(i) / static_cast<float>(from)) * rate;
    float tap = 0;
    if (i >= -width && i < width + from && std::fabs(t) < kLimit) {
      const float x = t * kPi;
      const float window = std::cos(x / kLimit / 2);
      tap = (x == 0 ? 1 : std::sin(x) / x) * window * window;
    }
    filter.taps.push_back(tap);
    sum += tap;
  }
  for (float& tap : filter.taps) tap /= sum;
  return filter;
}

}  // namespace

Result<at::Tensor> Resample(const at::Tensor& audio, int64_t from_hz, int64_t to_hz) {
  if (from_hz < 1 || to_hz < 1) {
    return Error{ErrorCode::kMismatch, fmt::format("audio can't be resampled from {} Hz to {} Hz", from_hz, to_hz)};
  }
  if (from_hz == to_hz) return audio;
  const int64_t gcd = std::gcd(from_hz, to_hz), from = from_hz / gcd, to = to_hz / gcd;
  const int64_t length = audio.size(-1);
  if (length < 1) return Error{ErrorCode::kMismatch, "audio without a sample can't be resampled"};
  const auto width = static_cast<int64_t>(
      std::ceil(kZeros * static_cast<double>(from) / (static_cast<double>(std::min(from, to)) * kRolloff)));
  const double ratio = static_cast<double>(to) / static_cast<double>(from);
  if (static_cast<double>(audio.numel()) * std::fmax(1, ratio) > static_cast<double>(kMaxResampledSamples) ||
      static_cast<double>(to) * static_cast<double>(2 * width + 3) > static_cast<double>(kMaxTaps)) {
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("{} samples from {} Hz to {} Hz are more than this suite resamples", length, from_hz, to_hz)};
  }
  std::vector<Filter> filters;
  for (int64_t phase = 0; phase < to; ++phase) filters.push_back(MakeFilter(phase, from, to, width));

  // The length passes through float32 there, too.
  const auto exact =
      static_cast<float>(static_cast<double>(to) * static_cast<double>(length) / static_cast<double>(from));
  const int64_t count = std::min(static_cast<int64_t>(std::floor(exact)), (length / from + 1) * to);
  const at::Tensor input = audio.to(at::kCPU, at::kFloat).reshape({-1, length}).contiguous();
  at::Tensor output = at::empty({input.size(0), count}, input.options());
  for (int64_t row = 0; row < input.size(0); ++row) {
    const float* samples = input.const_data_ptr<float>() + row * length;
    float* out = output.mutable_data_ptr<float>() + row * count;
    for (int64_t j = 0; j < count; ++j) {
      const Filter& filter = filters[static_cast<size_t>(j % to)];
      const int64_t first = j / to * from + filter.first;
      float sum = 0;
      for (size_t tap = 0; tap < filter.taps.size(); ++tap) {
        sum += filter.taps[tap] * samples[std::clamp<int64_t>(first + static_cast<int64_t>(tap), 0, length - 1)];
      }
      out[j] = sum;
    }
  }
  std::vector<int64_t> shape = audio.sizes().vec();
  shape.back() = count;
  return output.reshape(shape).to(audio.device());
}

Result<at::Tensor> ConvertChannels(const at::Tensor& audio, int64_t channels) {
  const int64_t given = audio.size(-2);
  if (given == channels) return audio;
  if (channels == 1) return audio.mean(-2, true);
  if (given == 1) {
    std::vector<int64_t> shape = audio.sizes().vec();
    shape[shape.size() - 2] = channels;
    return audio.expand(shape);
  }
  if (given > channels) return audio.narrow(-2, 0, channels);
  return Error{
      ErrorCode::kMismatch,
      fmt::format("audio of {} channels can't become audio of {} (ValueError: \"The audio file has less channels "
                  "than requested but is not mono.\")",
                  given, channels)};
}

Result<at::Tensor> ConvertAudio(const at::Tensor& audio, double from_hz, double to_hz, int64_t channels) {
  const auto whole = [](double rate) { return rate > 0 && rate < 1e12 ? static_cast<int64_t>(rate) : int64_t{0}; };
  HARNESS_ASSIGN_OR_RETURN(const at::Tensor resampled, Resample(audio, whole(from_hz), whole(to_hz)));
  return ConvertChannels(resampled, channels);
}

}  // namespace harness::model
