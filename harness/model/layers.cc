#include "harness/model/layers.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/model/few_rows.h"

namespace harness {

Linear Linear::Load(const TensorTable& tensors, const std::string& weight, const std::string& bias,
                    const Placement& placement) {
  const at::Device device = placement.device;
  Linear linear;
  linear.arithmetic = placement.arithmetic;
  const bool has_bias = tensors.Has(bias);
  if (linear.arithmetic == Arithmetic::kFloat32) {
    linear.weight = tensors.Weight(weight, device);
    if (has_bias) linear.bias = tensors.Float(bias, device);
    return linear;
  }
  linear.weight = tensors.Half(weight, device);
  if (has_bias) {
    linear.bias = tensors.Half(bias, device);
    // The emulation adds it in float32, before it rounds.
    if (device.is_cpu()) linear.bias = linear.bias.to(at::kFloat);
  }
  return linear;
}

Linear Linear::Rows(int64_t begin, int64_t count) const {
  return {weight.narrow(0, begin, count), bias.defined() ? bias.narrow(0, begin, count) : at::Tensor(), arithmetic};
}

at::Tensor Linear::operator()(const at::Tensor& input) const {
  const bool half = arithmetic == Arithmetic::kFloat16Autocast;
  if (half && !input.device().is_cpu()) return at::linear(input.to(at::kHalf), weight, bias);
  if (half) {
    Linear emulated{weight, bias, Arithmetic::kFloat32};
    return emulated(input.to(at::kHalf).to(at::kFloat)).to(at::kHalf);
  }
  const at::Tensor& x = input;
  if (IsFewRows(x, weight)) return FewRowsLinear(x, weight, bias);
  const at::Tensor cast = weight.to(x.scalar_type());
  return bias.defined() ? at::linear(x, cast, bias) : at::linear(x, cast);
}

Heads Heads::Load(const TensorTable& tensors, const std::string& prefix, int64_t count, const Placement& placement) {
  Heads heads;
  heads.count_ = count;
  heads.arithmetic_ = placement.arithmetic;
  for (int64_t k = 0; k < count; ++k) {
    const Linear head = Linear::Load(tensors, fmt::format("{}.{}", prefix, k), placement);
    heads.weights_.push_back(head.weight);
    if (head.bias.defined()) heads.biases_.push_back(head.bias);
  }
  if (placement.device.is_cpu()) return heads;
  heads.weights_ = {at::cat(heads.weights_)};
  if (!heads.biases_.empty()) heads.biases_ = {at::cat(heads.biases_)};
  return heads;
}

at::Tensor Heads::operator()(const at::Tensor& input) const {
  const auto head = [this](size_t k) {
    return Linear{weights_[k], biases_.empty() ? at::Tensor() : biases_[k], arithmetic_};
  };
  if (!input.device().is_cpu()) {
    return head(0)(input).view({input.size(0), input.size(1), count_, -1}).transpose(1, 2);
  }
  const bool half = arithmetic_ == Arithmetic::kFloat16Autocast;
  const at::Tensor x = half ? input.to(at::kHalf).to(at::kFloat) : input;
  if (std::all_of(weights_.begin(), weights_.end(), [&](const at::Tensor& weight) { return IsFewRows(x, weight); })) {
    const at::Tensor y = FewRowsLinear(x, weights_, biases_).transpose(0, 1);
    return half ? y.to(at::kHalf) : y;
  }
  std::vector<at::Tensor> logits;
  for (size_t k = 0; k < weights_.size(); ++k) logits.push_back(head(k)(input));
  return at::stack(logits, 1);
}

Norm Norm::Load(const TensorTable& tensors, const std::string& name, at::Device device, Arithmetic arithmetic) {
  if (arithmetic == Arithmetic::kFloat32) {
    return {tensors.Float(name + ".weight", device), tensors.Float(name + ".bias", device)};
  }
  return {tensors.Half(name + ".weight", device).to(at::kFloat), tensors.Half(name + ".bias", device).to(at::kFloat)};
}

at::Tensor Norm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x.to(at::kFloat), weight.sizes(), weight, bias, /*eps=*/1e-5);
}

}  // namespace harness
