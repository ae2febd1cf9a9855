// The checks of category state_dict_integrity that look at the values of the weights.
// Precondition of each: the file's storages and package are ok.
#pragma once

#include "conformance/check.h"
#include "harness/export/export_file.h"

namespace conformance {

Outcome CheckFinite(Context& context, harness::Role role);
Outcome CheckFloat16Range(Context& context, harness::Role role);
Outcome CheckInitialised(Context& context, harness::Role role);

}  // namespace conformance
