#include "harness/model/dac.h"

#include <ATen/ATen.h>

namespace harness::model {

DacCodec::Weights DacCodec::BindConv(const std::string& name, const TensorTable& tensors, at::Device device) const {
  return {at::_weight_norm(tensors.Float(name + ".weight_v", device), tensors.Float(name + ".weight_g", device), 0),
          tensors.Float(name + ".bias", device)};
}

void DacCodec::Bind(const std::vector<architecture::DacLayer>& layers, const TensorTable& tensors, at::Device device) {
  for (const architecture::DacLayer& layer : layers) {
    switch (layer.kind) {
      case architecture::DacLayer::Kind::kConv:
        convs_.emplace(layer.conv.name, BindConv(layer.conv.name, tensors, device));
        break;
      case architecture::DacLayer::Kind::kSnake:
        alphas_.emplace(layer.name, tensors.Float(layer.name + ".alpha", device));
        break;
      case architecture::DacLayer::Kind::kResidual: Bind(layer.block, tensors, device); break;
    }
  }
}

Result<DacCodec> DacCodec::Build(const architecture::DacSpec& spec, architecture::CodecFacts facts,
                                 const TensorTable& tensors, at::Device device) {
  DacCodec codec(spec, std::move(facts));
  codec.Bind(spec.encoder, tensors, device);
  codec.Bind(spec.decoder, tensors, device);
  for (size_t k = 0; k < static_cast<size_t>(spec.num_codebooks); ++k) {
    codec.codebooks_.push_back(tensors.Float(spec.Codebook(k) + ".codebook.weight", device));
    codec.in_.push_back(codec.BindConv(spec.Codebook(k) + ".in_proj", tensors, device));
    codec.out_.push_back(codec.BindConv(spec.Codebook(k) + ".out_proj", tensors, device));
  }
  return codec;
}

at::Tensor DacCodec::Run(const std::vector<architecture::DacLayer>& layers, at::Tensor x) const {
  for (const architecture::DacLayer& layer : layers) {
    switch (layer.kind) {
      case architecture::DacLayer::Kind::kConv: {
        const architecture::DacConv& conv = layer.conv;
        const Weights& w = convs_.at(conv.name);
        x = conv.transposed ? at::conv_transpose1d(x, w.weight, w.bias, {conv.stride}, {conv.padding})
                            : at::conv1d(x, w.weight, w.bias, {conv.stride}, {conv.padding}, {conv.dilation});
        break;
      }
      case architecture::DacLayer::Kind::kSnake: {
        const at::Tensor& alpha = alphas_.at(layer.name);
        x = x + (alpha + 1e-9).reciprocal() * at::sin(alpha * x).pow(2);
        break;
      }
      case architecture::DacLayer::Kind::kResidual: x = x + Run(layer.block, x); break;
    }
  }
  return x;
}

at::Tensor DacCodec::Decode(const at::Tensor& codes) const {
  TORCH_CHECK(codes.dim() == 3 && codes.size(1) <= spec_.num_codebooks, "codes must be [B, K, T], K at most ",
              spec_.num_codebooks);
  at::Tensor latent;
  for (int64_t k = 0; k < codes.size(1); ++k) {
    const auto i = static_cast<size_t>(k);
    const at::Tensor entry = at::embedding(codebooks_[i], codes.select(1, k)).transpose(1, 2);
    const at::Tensor part = at::conv1d(entry, out_[i].weight, out_[i].bias);
    latent = k == 0 ? part : latent + part;
  }
  return at::tanh(Run(spec_.decoder, latent));
}

at::Tensor DacCodec::Encode(const at::Tensor& audio) const {
  const auto normalize = [](const at::Tensor& x) { return x / x.norm(2, {1}, true).clamp_min(1e-12); };
  at::Tensor residual = Run(spec_.encoder, audio);  // [B, D, T]
  std::vector<at::Tensor> codes;
  for (size_t k = 0; k < static_cast<size_t>(facts_.codebooks); ++k) {
    const at::Tensor projected = at::conv1d(residual, in_[k].weight, in_[k].bias);  // [B, d, T]
    // Directions are compared, not vectors; the expanded square, as the reference computes it.
    const at::Tensor flat = normalize(projected.transpose(1, 2).reshape({-1, projected.size(1)}));
    const at::Tensor entries = normalize(codebooks_[k]);
    const at::Tensor distance =
        flat.pow(2).sum(1, true) - 2 * flat.matmul(entries.t()) + entries.pow(2).sum(1, true).t();
    const at::Tensor index = (-distance).argmax(1).view({projected.size(0), projected.size(2)});
    residual = residual - at::conv1d(at::embedding(codebooks_[k], index).transpose(1, 2), out_[k].weight, out_[k].bias);
    codes.push_back(index);
  }
  return at::stack(codes, 1);
}

}  // namespace harness::model
