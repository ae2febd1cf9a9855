// Audio at another sample rate and with another number of channels, as audiocraft converts what a user gives.
// audio: [..., C, N] float32 in, [..., C', N'] float32 out, N' = floor(N * to / from), on the same device.
// Errors: kMismatch (rates that are not above 0, no sample at all, channels that can't be converted), kUnsupported
// (rates whose ratio makes more than kMaxResampledSamples samples or needs too many filters). Source: julius 0.2.8,
// resample.py ResampleFrac (zeros 24, rolloff 0.945); audiocraft 1.3.0, data/audio_utils.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "harness/base/result.h"

namespace harness::model {

inline constexpr int64_t kMaxResampledSamples = int64_t{1} << 28;

// Windowed-sinc interpolation with one filter for each phase; the ends are continued with their last value.
Result<at::Tensor> Resample(const at::Tensor& audio, int64_t from_hz, int64_t to_hz);

// More channels than asked for: the mean for one, else the first ones; one channel is repeated. Two for four is an
// error.
Result<at::Tensor> ConvertChannels(const at::Tensor& audio, int64_t channels);

// Resample, then ConvertChannels. Rates are cut to integers first.
Result<at::Tensor> ConvertAudio(const at::Tensor& audio, double from_hz, double to_hz, int64_t channels);

}  // namespace harness::model
