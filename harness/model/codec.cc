#include "harness/model/codec.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace harness {
namespace {

at::Tensor Activate(const ActivationSpec& activation, const at::Tensor& x) {
  const std::string& name = activation.name;
  const double parameter = activation.parameter, second = activation.second;
  if (name == "ELU") return at::elu(x, parameter);
  if (name == "CELU") return at::celu(x, parameter);
  if (name == "SELU") return at::selu(x);
  if (name == "ReLU") return at::relu(x);
  if (name == "ReLU6") return at::hardtanh(x, 0, 6);
  if (name == "LeakyReLU") return at::leaky_relu(x, parameter);
  if (name == "GELU") return at::gelu(x, parameter == 1 ? "tanh" : "none");
  if (name == "SiLU") return at::silu(x);
  if (name == "Mish") return at::mish(x);
  if (name == "Tanh") return at::tanh(x);
  if (name == "Sigmoid") return at::sigmoid(x);
  if (name == "LogSigmoid") return at::log_sigmoid(x);
  if (name == "Softsign") return x / (x.abs() + 1);
  if (name == "Softplus") return at::softplus(x, parameter, second);
  if (name == "Hardtanh") return at::hardtanh(x, parameter, second);
  if (name == "Hardsigmoid") return at::hardsigmoid(x);
  if (name == "Hardswish") return at::hardswish(x);
  if (name == "Hardshrink") return at::hardshrink(x, parameter);
  if (name == "Softshrink") return at::softshrink(x, parameter);
  if (name == "Tanhshrink") return x - at::tanh(x);
  if (name == "Threshold") return at::threshold(x, parameter, second);
  TORCH_CHECK(name == "Identity", "no activation ", name);
  return x;
}

// The same, of a tensor that nobody else holds: the memory of another one would have to be found and cleared first.
at::Tensor ActivateOwn(const ActivationSpec& activation, at::Tensor x) {
  return activation.name == "ELU" ? at::elu_(x, activation.parameter) : Activate(activation, x);
}

// pad1d: as F.pad, but an input too short to be reflected is lengthened with zeros first, and shortened again.
at::Tensor Pad(at::Tensor x, int64_t left, int64_t right, const std::string& mode) {
  if (mode != "reflect") return at::pad(x, {left, right}, mode);
  const int64_t length = x.size(-1), longest = std::max(left, right);
  const int64_t extra = length <= longest ? longest - length + 1 : 0;
  if (extra > 0) x = at::pad(x, {0, extra});
  const at::Tensor padded = at::pad(x, {left, right}, mode);
  return padded.narrow(-1, 0, padded.size(-1) - extra);
}

// get_extra_padding_for_conv1d: what the last window lacks.
int64_t ExtraPadding(int64_t length, int64_t kernel, int64_t stride, int64_t padding) {
  const double frames = static_cast<double>(length - kernel + padding) / static_cast<double>(stride) + 1;
  return (static_cast<int64_t>(std::ceil(frames)) - 1) * stride + (kernel - padding) - length;
}

}  // namespace

void Codec::Bind(const SeanetSpec& seanet, const TensorTable& tensors) {
  const auto bind_conv = [&](const ConvSpec& spec) {
    Conv conv;
    const std::string& inner = spec.inner;
    if (spec.norm == ConvNorm::kWeightNorm) {
      // torch.nn.utils.weight_norm, dim = 0: w = g v / |v|, the norm over all other dimensions.
      conv.weight =
          at::_weight_norm(tensors.Float(inner + ".weight_v", device_), tensors.Float(inner + ".weight_g", device_), 0);
    } else if (spec.norm == ConvNorm::kSpectralNorm) {
      // torch.nn.utils.spectral_norm in evaluation: divided by u' W v, with the vectors as they were saved.
      const at::Tensor original = tensors.Float(inner + ".weight_orig", device_);
      const at::Tensor matrix =
          (spec.transposed ? original.transpose(0, 1) : original).reshape({spec.out_channels, -1});
      const at::Tensor u = tensors.Float(inner + ".weight_u", device_), v = tensors.Float(inner + ".weight_v", device_);
      conv.weight = original / at::dot(u, at::mv(matrix, v));
    } else {
      conv.weight = tensors.Float(inner + ".weight", device_);
    }
    conv.bias = tensors.Float(inner + ".bias", device_);
    if (spec.norm == ConvNorm::kTimeGroupNorm && spec.norm_affine) {
      conv.norm_weight = tensors.Float(spec.name + ".norm.weight", device_);
      conv.norm_bias = tensors.Float(spec.name + ".norm.bias", device_);
    }
    convs_.emplace(spec.name, std::move(conv));
  };
  for (const SeanetLayer& layer : seanet.layers) {
    if (layer.kind == SeanetLayer::Kind::kConv) bind_conv(layer.conv);
    for (const ConvSpec& conv : layer.block) bind_conv(conv);
    for (const ConvSpec& conv : layer.shortcut) bind_conv(conv);
    for (int64_t l = 0; l < layer.lstm_layers; ++l) {
      for (const char* leaf : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}) {
        lstms_[layer.name].push_back(tensors.Float(fmt::format("{}.lstm.{}_l{}", layer.name, leaf, l), device_));
      }
    }
  }
}

Result<Codec> Codec::Build(const CodecSpec& spec, CodecFacts facts, const TensorTable& tensors, at::Device device) {
  Codec codec(spec, std::move(facts), device);
  codec.Bind(codec.spec_.encoder, tensors);
  codec.Bind(codec.spec_.decoder, tensors);
  for (int64_t k = 0; k < spec.num_codebooks; ++k) {
    codec.codebooks_.push_back(tensors.Float(spec.Codebook(k) + ".embed", device));
  }
  return codec;
}

at::Tensor Codec::RunConv(const SeanetSpec& seanet, const ConvSpec& spec, const at::Tensor& x) const {
  const Conv& conv = convs_.at(spec.name);
  at::Tensor y;
  const int64_t kernel = (spec.kernel_size - 1) * spec.dilation + 1;  // with its dilation
  const int64_t padding = kernel - spec.stride;
  if (spec.transposed) {
    y = at::conv_transpose1d(x, conv.weight, conv.bias, {spec.stride});
  } else {
    const int64_t extra = ExtraPadding(x.size(-1), kernel, spec.stride, padding);
    const int64_t right = seanet.causal ? 0 : padding / 2;
    y = at::conv1d(Pad(x, padding - right, right + extra, seanet.pad_mode), conv.weight, conv.bias, {spec.stride},
                   /*padding=*/at::IntArrayRef{0}, {spec.dilation});
  }
  if (spec.norm == ConvNorm::kTimeGroupNorm) y = at::group_norm(y, 1, conv.norm_weight, conv.norm_bias, spec.norm_eps);
  if (spec.transposed) {
    const int64_t right = seanet.causal
                              ? static_cast<int64_t>(std::ceil(static_cast<double>(padding) * seanet.trim_right_ratio))
                              : padding / 2;
    y = y.narrow(-1, padding - right, y.size(-1) - padding);
  }
  return y;
}

at::Tensor Codec::RunLstm(const SeanetLayer& layer, const at::Tensor& x) const {
  const at::Tensor steps = x.permute({2, 0, 1});  // [T, B, width]
  const at::Tensor zeros = at::zeros({layer.lstm_layers, x.size(0), layer.width}, x.options());
  const at::Tensor y = std::get<0>(at::lstm(steps, {zeros, zeros}, lstms_.at(layer.name), /*has_biases=*/true,
                                            layer.lstm_layers, /*dropout=*/0.0, /*train=*/false,
                                            /*bidirectional=*/false, /*batch_first=*/false));
  return (y + steps).permute({1, 2, 0});
}

at::Tensor Codec::Run(const SeanetSpec& seanet, at::Tensor x) const {
  for (const SeanetLayer& layer : seanet.layers) {
    switch (layer.kind) {
      case SeanetLayer::Kind::kConv: x = RunConv(seanet, layer.conv, x); break;
      case SeanetLayer::Kind::kLstm: x = RunLstm(layer, x); break;
      case SeanetLayer::Kind::kActivation: x = ActivateOwn(layer.activation, x); break;
      case SeanetLayer::Kind::kResidual: {
        at::Tensor y = x;
        for (const ConvSpec& conv : layer.block) {
          y = RunConv(seanet, conv, y.is_same(x) ? Activate(seanet.activation, y) : ActivateOwn(seanet.activation, y));
        }
        if (!layer.shortcut.empty()) {
          x = RunConv(seanet, layer.shortcut.front(), x);
        } else if (seanet.activation.inplace) {
          x = Activate(seanet.activation, x);  // nn.Identity gives the tensor itself, which the block then changes
        }
        x = y.is_same(x) ? x + y : y.add_(x);
        break;
      }
    }
  }
  return x;
}

at::Tensor Codec::Decode(const at::Tensor& codes) const {
  TORCH_CHECK(codes.dim() == 3 && codes.size(1) <= spec_.num_codebooks, "codes must be [B, K, T], K at most ",
              spec_.num_codebooks);
  at::Tensor latent;
  for (int64_t k = 0; k < codes.size(1); ++k) {
    const at::Tensor entry = at::embedding(codebooks_[static_cast<size_t>(k)], codes.select(1, k));
    latent = k == 0 ? entry : latent + entry;
  }
  return Run(spec_.decoder, latent.transpose(1, 2));
}

at::Tensor Codec::EncodeLatent(const at::Tensor& audio) const { return Run(spec_.encoder, audio); }

at::Tensor Codec::Encode(const at::Tensor& audio) const {
  at::Tensor input = audio;
  if (spec_.renormalize) {
    const at::Tensor mono = audio.mean(at::IntArrayRef{1}, /*keepdim=*/true);
    input = audio / (mono.pow(2).mean(at::IntArrayRef{2}, /*keepdim=*/true).sqrt() + 1e-8);
  }
  at::Tensor residual = EncodeLatent(input).transpose(1, 2);  // [B, T, D]
  std::vector<at::Tensor> codes;
  for (int64_t k = 0; k < facts_.codebooks; ++k) {
    const at::Tensor& codebook = codebooks_[static_cast<size_t>(k)];
    const at::Tensor flat = residual.reshape({-1, spec_.dimension});
    // The nearest entry, by the expanded square as upstream computes it: ties fall alike.
    const at::Tensor distance =
        flat.pow(2).sum(1, true) - 2 * flat.matmul(codebook.t()) + codebook.t().pow(2).sum(0, true);
    const at::Tensor index = (-distance).argmax(-1).view({residual.size(0), residual.size(1)});
    residual = residual - at::embedding(codebook, index);
    codes.push_back(index);
  }
  return at::stack(codes, 1);
}

}  // namespace harness
