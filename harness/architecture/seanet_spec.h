// SEANet, the convolutional network of EnCodec, as the list of layers to run.
// Source: audiocraft 1.3.0, modules/seanet.py, conv.py, lstm.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/architecture/activation.h"

namespace harness::architecture {

enum class ConvNorm { kNone, kWeightNorm, kSpectralNorm, kTimeGroupNorm };

// StreamableConv1d or StreamableConvTranspose1d. `name` is the prefix of its tensors ("decoder.model.0.conv"), `inner`
// that of the convolution inside ("decoder.model.0.conv.conv").
struct ConvSpec {
  std::string name, inner;
  int64_t in_channels = 0, out_channels = 0, kernel_size = 1, stride = 1, dilation = 1;
  bool transposed = false;
  ConvNorm norm = ConvNorm::kNone;
  double norm_eps = 1e-5;   // kTimeGroupNorm: norm_params.eps
  bool norm_affine = true;  // kTimeGroupNorm: norm_params.affine
};

struct SeanetLayer {
  enum class Kind { kConv, kLstm, kActivation, kResidual };
  Kind kind = Kind::kConv;
  std::string name = {};                // "encoder.model.13"
  ConvSpec conv = {};                   // kConv
  ActivationSpec activation = {};       // kActivation
  int64_t lstm_layers = 0, width = 0;   // kLstm
  std::vector<ConvSpec> block = {};     // kResidual: each preceded by the network's activation
  std::vector<ConvSpec> shortcut = {};  // kResidual: none (identity) or one
};

// SEANetEncoder or SEANetDecoder. pad_mode "constant" (zeros) or "reflect", ...: as torch.nn.functional.pad.
struct SeanetSpec {
  std::vector<SeanetLayer> layers;
  ActivationSpec activation;
  bool causal = false;
  std::string pad_mode = "reflect";
  double trim_right_ratio = 1.0;
  int64_t channels = 0;
  int64_t dimension = 0;
  std::vector<int64_t> ratios;  // in the config's order, that of the decoder
  int64_t hop_length() const;   // samples a frame
  double multiplications_per_frame() const;
};

}  // namespace harness::architecture
