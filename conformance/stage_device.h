// The device of a generation stage: whether it is one of this run's, opened, with what it needed at most.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "conformance/context.h"
#include "conformance/generation_record.h"
#include "harness/generate/devices.h"
#include "harness/pipeline/models.h"

namespace conformance {

// nullopt where nothing is to run on `device`: `record` then says why, as a reason to skip or as a failure. Without
// devices in the profile production's rule holds: CUDA where it can be used, else the CPU.
std::optional<harness::DeviceFacts> OpenForRun(const Context& context, const std::string& device,
                                               GenerationRecord& record);

// What GenerateMusic measured on a CUDA device; on the CPU the most that the process ever had resident (VmHWM,
// proc(5)), mapped weights included. 0 where it is not known.
int64_t MemoryPeakBytes(const harness::DeviceFacts& device, const harness::GeneratedMusic& music);

}  // namespace conformance
