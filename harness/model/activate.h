// An activation of torch.nn, by the description that the config gives.
#pragma once

#include <ATen/core/Tensor.h>

#include "harness/architecture/activation.h"

namespace harness::model {

// A new tensor, except for Identity. Precondition: a name that ReadActivation gives.
at::Tensor Activate(const architecture::ActivationSpec& activation, const at::Tensor& x);

// The same into `out`, which has x's shape and may be x.
void ActivateInto(const architecture::ActivationSpec& activation, const at::Tensor& x, at::Tensor out);

}  // namespace harness::model
