#include "harness/model/activate.h"

#include <ATen/ATen.h>

#include <string>

namespace harness::model {

at::Tensor Activate(const architecture::ActivationSpec& activation, const at::Tensor& x) {
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

void ActivateInto(const architecture::ActivationSpec& activation, const at::Tensor& x, at::Tensor out) {
  if (activation.name == "ELU") {  // EnCodec's: without a tensor of its own
    at::elu_out(out, x, activation.parameter);
  } else {
    out.copy_(Activate(activation, x));
  }
}

}  // namespace harness::model
