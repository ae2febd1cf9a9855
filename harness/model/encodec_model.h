// EnCodec: SEANet encoder and decoder around a residual vector quantizer, as functional ATen code over bound tensors.
//
// Letters: B batch, C channels, N samples, K codebooks, T frames, D width of the latent. All float32, as audiocraft.
// Source: audiocraft 1.3.0, models/encodec.py EncodecModel, modules/seanet.py, conv.py, lstm.py,
// quantization/core_vq.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>
#include <vector>

#include "harness/architecture/codec_spec.h"
#include "harness/base/result.h"
#include "harness/model/compression_model.h"
#include "harness/model/seanet.h"
#include "harness/model/tensor_table.h"

namespace harness::model {

class EncodecModel : public CompressionModel {
 public:
  // `facts`: SummarizeCodec(spec), with as many active codebooks as are wanted.
  static Result<EncodecModel> Build(const architecture::CodecSpec& spec, architecture::CodecFacts facts,
                                    const TensorTable& tensors, at::Device device);

  const architecture::CodecSpec& spec() const { return spec_; }
  const architecture::CodecFacts& facts() const override { return facts_; }

  // codes [B, K', T] int64, K' <= K, each below the cardinality -> audio [B, C, N], N = T * hop length.
  at::Tensor Decode(const at::Tensor& codes) const override;
  // audio [B, C, N] -> latent [B, D, T], T = ceil(N / hop length).
  at::Tensor EncodeLatent(const at::Tensor& audio) const;
  // audio [B, C, N] -> codes [B, K, T] int64 of the active codebooks.
  at::Tensor Encode(const at::Tensor& audio) const override;

 private:
  EncodecModel(architecture::CodecSpec spec, architecture::CodecFacts facts, const TensorTable& tensors,
               at::Device device)
      : spec_(std::move(spec)),
        facts_(std::move(facts)),
        encoder_(spec_.encoder, tensors, device),
        decoder_(spec_.decoder, tensors, device) {}

  architecture::CodecSpec spec_;
  architecture::CodecFacts facts_;
  Seanet encoder_, decoder_;
  std::vector<at::Tensor> codebooks_;  // K of [cardinality, D]
};

}  // namespace harness::model
