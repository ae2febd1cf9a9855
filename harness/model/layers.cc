#include "harness/model/layers.h"

#include <ATen/ATen.h>

#include "harness/model/few_rows.h"

namespace harness {

Linear Linear::Load(const TensorTable& tensors, const std::string& name, at::Device device) {
  Linear linear{tensors.Weight(name + ".weight", device), {}};
  if (tensors.Has(name + ".bias")) linear.bias = tensors.Float(name + ".bias", device);
  return linear;
}

Linear Linear::Rows(int64_t begin, int64_t count) const {
  return {weight.narrow(0, begin, count), bias.defined() ? bias.narrow(0, begin, count) : at::Tensor()};
}

at::Tensor Linear::operator()(const at::Tensor& x) const {
  if (IsFewRows(x, weight)) return FewRowsLinear(x, weight, bias);
  const at::Tensor cast = weight.to(x.scalar_type());
  return bias.defined() ? at::linear(x, cast, bias) : at::linear(x, cast);
}

Norm Norm::Load(const TensorTable& tensors, const std::string& name, at::Device device) {
  return {tensors.Float(name + ".weight", device), tensors.Float(name + ".bias", device)};
}

at::Tensor Norm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, /*eps=*/1e-5);
}

}  // namespace harness
