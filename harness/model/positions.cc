#include "harness/model/positions.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace harness::model {
namespace {

constexpr double kXposBaseScale = 512;  // steps: XPos(base_scale), which no config reaches

}  // namespace

at::Tensor ComputeSinEmbedding(int64_t start, int64_t steps, int64_t dim, double max_period, at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  const int64_t half = dim / 2;
  const at::Tensor positions = at::arange(start, start + steps, options).view({1, -1, 1});
  const at::Tensor exponents = at::arange(half, options).view({1, 1, -1}) / static_cast<double>(half - 1);
  const at::Tensor phase = positions / at::pow(at::full({}, max_period, options), exponents);
  return at::cat({at::cos(phase), at::sin(phase)}, -1);
}

std::optional<RotaryEmbedding> RotaryEmbedding::Load(const architecture::LmSpec& spec, const TensorTable& tensors,
                                                     at::Device device) {
  if (!spec.rotary()) return std::nullopt;
  RotaryEmbedding rotary;
  // One module stands in the state dict under the transformer and under every layer: the last that is loaded stays.
  const std::string name = fmt::format("transformer.layers.{}.self_attn.rope", spec.num_layers - 1);
  rotary.frequencies_ = tensors.Float(name + ".frequencies", device);
  if (spec.xpos) rotary.decay_rates_ = tensors.Float(name + ".xpos.decay_rates", device);
  rotary.scale_ = spec.positional_scale;
  return rotary;
}

Rotation RotaryEmbedding::At(int64_t start, int64_t steps) const {
  const at::Tensor positions = at::arange(start, start + steps, frequencies_.options());
  const at::Tensor angles = at::outer(positions, frequencies_);
  const at::Tensor real = at::cos(angles), imaginary = at::sin(angles);
  const auto scaled = [&](const at::Tensor& factor) { return factor * scale_; };
  Rotation rotation;
  if (!decay_rates_.defined()) {
    rotation.query_real = scaled(real) + (1 - scale_);
    rotation.query_imaginary = scaled(imaginary);
    rotation.key_real = rotation.query_real;
    rotation.key_imaginary = rotation.query_imaginary;
    return rotation;
  }
  const at::Tensor decay = at::pow(decay_rates_, (positions / kXposBaseScale).unsqueeze(-1));
  const at::Tensor inverse = at::reciprocal(decay);
  rotation.query_real = scaled(real * decay) + (1 - scale_);
  rotation.query_imaginary = scaled(imaginary * decay);
  rotation.key_real = scaled(real * inverse) + (1 - scale_);
  rotation.key_imaginary = scaled(imaginary * inverse);
  return rotation;
}

at::Tensor Rotate(const at::Tensor& x, const at::Tensor& real, const at::Tensor& imaginary) {
  const at::Tensor pairs = x.to(at::kFloat).reshape({x.size(0), x.size(1), x.size(2), -1, 2});
  const at::Tensor a = pairs.select(-1, 0), b = pairs.select(-1, 1);
  return at::stack({a * real - b * imaginary, a * imaginary + b * real}, -1).view(x.sizes()).to(x.scalar_type());
}

}  // namespace harness::model
