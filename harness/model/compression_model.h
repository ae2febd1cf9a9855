// The codec as generation sees it, whatever it is made of: audiocraft's own EnCodec, one of the hub's, DAC, or a mono
// codec wrapped for stereo. Source: audiocraft 1.3.0, models/encodec.py CompressionModel.
#pragma once

#include <ATen/core/Tensor.h>

#include "harness/architecture/codec_facts.h"

namespace harness::model {

class CompressionModel {
 public:
  virtual ~CompressionModel() = default;

  // Of the whole, wraps included.
  virtual const architecture::CodecFacts& facts() const = 0;

  // codes [B, K, T] int64, each below the cardinality -> audio [B, C, N] float32.
  virtual at::Tensor Decode(const at::Tensor& codes) const = 0;

  // Renormalised first where the codec does so; the scale is dropped (CodecFacts::encode_gives_scale).
  // audio [B, C, N] float32 at facts().sample_rate_hz -> codes [B, K, T] int64 of the active codebooks.
  virtual at::Tensor Encode(const at::Tensor& audio) const = 0;
};

}  // namespace harness::model
