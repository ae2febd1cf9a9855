// DAC: convolutions with snake activations around a residual quantizer with factorised codebooks, as functional ATen
// code over bound tensors. Float32.
//
// Source: descript-audio-codec 1.0.0, dac/model/dac.py, dac/nn/layers.py, dac/nn/quantize.py; audiocraft 1.3.0,
// models/encodec.py DAC.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "harness/architecture/dac_spec.h"
#include "harness/base/result.h"
#include "harness/model/compression_model.h"
#include "harness/model/tensor_table.h"

namespace harness::model {

class DacCodec : public CompressionModel {
 public:
  // `facts`: those of the spec, with as many active codebooks as are wanted.
  static Result<DacCodec> Build(const architecture::DacSpec& spec, architecture::CodecFacts facts,
                                const TensorTable& tensors, at::Device device);

  const architecture::CodecFacts& facts() const override { return facts_; }
  // codes [B, K', T], K' <= K -> audio [B, 1, T * hop - missing_samples].
  at::Tensor Decode(const at::Tensor& codes) const override;
  at::Tensor Encode(const at::Tensor& audio) const override;

 private:
  struct Weights {
    at::Tensor weight, bias;
  };
  DacCodec(architecture::DacSpec spec, architecture::CodecFacts facts)
      : spec_(std::move(spec)), facts_(std::move(facts)) {}
  void Bind(const std::vector<architecture::DacLayer>& layers, const TensorTable& tensors, at::Device device);
  Weights BindConv(const std::string& name, const TensorTable& tensors, at::Device device) const;
  at::Tensor Run(const std::vector<architecture::DacLayer>& layers, at::Tensor x) const;

  architecture::DacSpec spec_;
  architecture::CodecFacts facts_;
  std::unordered_map<std::string, Weights> convs_;      // by DacConv::name
  std::unordered_map<std::string, at::Tensor> alphas_;  // [1, C, 1], by DacLayer::name
  std::vector<at::Tensor> codebooks_;                   // K of [cardinality, d]
  std::vector<Weights> in_, out_;                       // K projections: latent to d, d to latent
};

}  // namespace harness::model
