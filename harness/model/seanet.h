// SEANetEncoder or SEANetDecoder as functional ATen code over bound tensors.
//
// Letters: B batch, C channels, N samples. All float32, as in the reference.
// Source: audiocraft 1.3.0, modules/seanet.py, conv.py, lstm.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "harness/architecture/codec_spec.h"
#include "harness/model/tensor_table.h"

namespace harness::model {

// Where the ways to compute the same part, on the CPU. Measured on two cores with AVX2.
struct SeanetLimits {
  // Numbers in the weight of a transposed convolution that is worth interleaving: 8 MB, which takes 4 ms. oneDNN's own
  // needs none of it, but makes a kernel for each length anew, in a time that grows with it: 45 ms for 2 s at 32 kHz.
  int64_t interleaved = int64_t{1} << 21;
  // Numbers in a weight that is used in pieces of time: oneDNN lays it out anew for each.
  int64_t in_pieces = int64_t{1} << 19;
  // Samples of output in a piece: 2 MB of 64 channels, so that what a layer writes is still in a cache when the next
  // one reads it, and lies in memory that the last piece has used.
  int64_t piece = 8192;
};

class Seanet {
 public:
  // Precondition: `tensors` has those of the layers. Throws c10::Error where there is no memory for the folded weights.
  Seanet(architecture::SeanetSpec spec, const TensorTable& tensors, at::Device device, const SeanetLimits& limits = {});

  // x [B, C, N] of the first layer's channels -> [B, C', N'] of the last one's.
  at::Tensor Run(const at::Tensor& x) const;

  // How many pieces the last layers run in, `length` being that of the first one's input.
  int64_t Pieces(int64_t length) const;

 private:
  struct Conv {
    // [out, in, 1, kernel] with the weight norm folded in; transposed: [in, out, 1, kernel], or interleaved.
    at::Tensor weight;
    at::Tensor bias;                    // [out]; interleaved: [stride * out]
    at::Tensor norm_weight, norm_bias;  // [out]: group norm; else undefined
    bool interleaved = false;           // see Interleave in seanet.cc
  };

  // [B, C, 1, N], the convolutions' own shape, whose memory format can be chosen; with an activation to be applied by
  // whoever reads it, into memory of his own.
  struct Signal {
    at::Tensor x;
    const architecture::ActivationSpec* pending = nullptr;
  };

  Conv Bind(const architecture::ConvSpec& spec, const TensorTable& tensors) const;
  bool InPieces(const architecture::SeanetLayer& layer) const;
  void FindTail();

  static at::Tensor Activated(const Signal& signal);
  at::Tensor Laid(const at::Tensor& x) const;
  at::Tensor RunConv(const architecture::ConvSpec& spec, const Signal& signal) const;
  at::Tensor RunLstm(const architecture::SeanetLayer& layer, const at::Tensor& x) const;
  at::Tensor RunResidual(const architecture::SeanetLayer& layer, const at::Tensor& x) const;
  Signal RunLayers(size_t begin, size_t end, Signal signal) const;
  at::Tensor RunTail(const Signal& signal) const;

  architecture::SeanetSpec spec_;
  at::Device device_;
  SeanetLimits limits_;
  std::unordered_map<std::string, Conv> convs_;                     // by ConvSpec::name
  std::unordered_map<std::string, std::vector<at::Tensor>> lstms_;  // by SeanetLayer::name; as at::lstm takes them
  // The last layers, from tail_ on, run in pieces of time, each with `context_` inputs of its neighbours on either
  // side.
  size_t tail_ = 0;
  int64_t context_ = 0, upsampling_ = 1;
};

}  // namespace harness::model
