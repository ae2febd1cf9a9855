// The elementwise functions of torch.nn that a SEANet config can name, with their keyword arguments.
// Source: audiocraft 1.3.0, modules/seanet.py (getattr(nn, activation)(**activation_params)); torch 2.1, torch.nn.
#pragma once

#include <string>
#include <string_view>

#include "harness/config/option_reader.h"

namespace harness::architecture {

// `parameter` and `second` in the order of the class's signature: alpha (ELU, CELU), negative_slope (LeakyReLU), beta
// and threshold (Softplus), min_val and max_val (Hardtanh), lambd (the shrinks), threshold and value (Threshold); 1 for
// GELU's approximate='tanh'.
struct ActivationSpec {
  std::string name = "ELU";
  double parameter = 1.0;
  double second = 0.0;
  bool inplace = false;  // a residual block whose shortcut is the identity then adds what is activated, not the input
};

// `params_key`: where its arguments stand; `default_alpha`: absent, they are {'alpha': 1.0} whatever the function is,
// as in the signatures of SEANetEncoder and SEANetDecoder (else none). What is wrong goes to `problems`.
ActivationSpec ReadActivation(config::OptionReader& options, std::string_view name_key, const std::string& name,
                              std::string_view params_key, bool default_alpha, config::OptionProblems& problems);

}  // namespace harness::architecture
