// Category shape_config_agreement: the config is one that audiocraft's builders accept, and the state dict is exactly
// the one that strict loading into the model that it describes wants.
#pragma once

#include "conformance/framework/check.h"
#include "conformance/framework/context.h"

namespace conformance {

Outcome CheckConfig(Context& context, harness::exports::Role role);
Outcome CheckOptions(Context& context, harness::exports::Role role);
// Tensors of one group of modules ("embeddings", ...), and those that belong to none.
Outcome CheckGroup(Context& context, harness::exports::Role role, const std::string& group);
Outcome CheckUnexpected(Context& context, harness::exports::Role role);

}  // namespace conformance
