// A mono codec for stereo: left and right are coded apart, and their codes interleaved into one sequence.
//
// Codebooks: left and right of each codebook in turn (L0 R0 L1 R1 ...), or, `per_timestep`, left and right of each
// frame. Precondition of Build: the codec is mono (Wrap() in architecture/codec_facts.h says it otherwise). Source:
// audiocraft 1.3.0, models/encodec.py InterleaveStereoCompressionModel.
#pragma once

#include <memory>

#include "harness/model/compression_model.h"

namespace harness::model {

class StereoCodec : public CompressionModel {
 public:
  // `facts`: of the whole. Owns `mono`.
  StereoCodec(std::unique_ptr<CompressionModel> mono, architecture::CodecFacts facts)
      : mono_(std::move(mono)), facts_(std::move(facts)) {}

  const architecture::CodecFacts& facts() const override { return facts_; }
  // codes [B, 2K, T] or, per step, [B, K, 2T] -> audio [B, 2, N]. Other shapes throw: the reference asserts.
  at::Tensor Decode(const at::Tensor& codes) const override;
  at::Tensor Encode(const at::Tensor& audio) const override;

 private:
  std::unique_ptr<CompressionModel> mono_;
  architecture::CodecFacts facts_;
};

}  // namespace harness::model
