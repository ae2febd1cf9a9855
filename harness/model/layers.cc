#include "harness/model/layers.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/model/small_batch_linear.h"

namespace harness::model {

Linear Linear::Load(const TensorTable& tensors, const std::string& weight, const std::string& bias,
                    const Placement& placement) {
  const at::Device device = placement.device;
  Linear linear;
  linear.precision = placement.precision;
  const bool has_bias = tensors.Has(bias);
  if (linear.precision == Precision::kFloat32) {
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
  return {weight.narrow(0, begin, count), bias.defined() ? bias.narrow(0, begin, count) : at::Tensor(), precision};
}

at::Tensor Linear::operator()(const at::Tensor& input) const {
  const bool half = precision == Precision::kFloat16Autocast;
  if (half && !input.device().is_cpu()) return at::linear(input.to(at::kHalf), weight, bias);
  if (half) {
    Linear emulated{weight, bias, Precision::kFloat32};
    return emulated(input.to(at::kHalf).to(at::kFloat)).to(at::kHalf);
  }
  const at::Tensor& x = input;
  if (IsSmallBatch(x, weight)) return SmallBatchLinear(x, weight, bias);
  const at::Tensor cast = weight.to(x.scalar_type());
  return bias.defined() ? at::linear(x, cast, bias) : at::linear(x, cast);
}

Heads Heads::Load(const TensorTable& tensors, const std::string& prefix, int64_t count, const Placement& placement) {
  Heads heads;
  heads.count_ = count;
  heads.precision_ = placement.precision;
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
    return Linear{weights_[k], biases_.empty() ? at::Tensor() : biases_[k], precision_};
  };
  if (!input.device().is_cpu()) {
    return head(0)(input).view({input.size(0), input.size(1), count_, -1}).transpose(1, 2);
  }
  const bool half = precision_ == Precision::kFloat16Autocast;
  const at::Tensor x = half ? input.to(at::kHalf).to(at::kFloat) : input;
  if (std::all_of(weights_.begin(), weights_.end(),
                  [&](const at::Tensor& weight) { return IsSmallBatch(x, weight); })) {
    const at::Tensor y = SmallBatchLinear(x, weights_, biases_).transpose(0, 1);
    return half ? y.to(at::kHalf) : y;
  }
  std::vector<at::Tensor> logits;
  for (size_t k = 0; k < weights_.size(); ++k) logits.push_back(head(k)(input));
  return at::stack(logits, 1);
}

Norm Norm::Load(const TensorTable& tensors, const std::string& name, at::Device device, Precision precision) {
  if (precision == Precision::kFloat32) {
    return {tensors.Float(name + ".weight", device), tensors.Float(name + ".bias", device)};
  }
  return {tensors.Half(name + ".weight", device).to(at::kFloat), tensors.Half(name + ".bias", device).to(at::kFloat)};
}

at::Tensor Norm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x.to(at::kFloat), weight.sizes(), weight, bias, /*eps=*/1e-5);
}

}  // namespace harness::model
