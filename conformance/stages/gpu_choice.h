// Which of the machine's GPUs this process may use, where CTest shares them out (--resource-spec-file).
#pragma once

#include <functional>
#include <string>

#include "harness/base/result.h"

namespace conformance {

// What CUDA_VISIBLE_DEVICES has to be for the GPU that CTest assigned; empty where CTest assigned none, and the
// variable is to stay as it is. Ids of a resource specification count the devices that are visible already, as CUDA
// counts them: under a scheduler that gave the cards 2 and 3, id 1 is card 3.
//
// `variable` looks one up, null where it is not set: CTEST_RESOURCE_GROUP_COUNT, CTEST_RESOURCE_GROUP_0_GPUS
// ("id:1,slots:1"; ctest(1), "Resource Allocation") and CUDA_VISIBLE_DEVICES.
// Errors: kMismatch (no number, or beyond the visible devices; more than one GPU), with the variables.
harness::Result<std::string> FindAssignedGpu(const std::function<const char*(const char*)>& variable);

// Applies it to this process. Precondition: CUDA has not been asked for anything yet.
harness::Status UseAssignedGpu();

// "CTest assigned GPU 1", "CUDA_VISIBLE_DEVICES=2", or empty: for messages and the report.
std::string DescribeGpuChoice(const std::function<const char*(const char*)>& variable);

}  // namespace conformance
