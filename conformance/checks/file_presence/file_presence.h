// Category file_presence: both files there, readable, and really PyTorch checkpoints; a folder name that can be loaded.
#pragma once

#include "conformance/framework/check.h"
#include "conformance/framework/context.h"

namespace conformance {

Outcome CheckFolder(Context& context);
Outcome CheckFolderName(Context& context);
Outcome CheckFormat(Context& context, harness::exports::Role role);

}  // namespace conformance
