// The device of a generation stage: whether it is one of this run's, opened, with what it needed at most.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "conformance/framework/context.h"
#include "conformance/framework/generation_record.h"
#include "harness/generate/devices.h"
#include "harness/pipeline/music.h"

namespace conformance {

// nullopt where `device`, one of the plan's, can't be used: `record` then says why, as a failure where somebody asks
// for it by name.
std::optional<harness::generate::DeviceFacts> OpenForRun(const Context& context, const std::string& device,
                                                         GenerationRecord& record);

// What GenerateMusic measured on a CUDA device; on the CPU the most that the process ever had resident (VmHWM,
// proc(5)), mapped weights included. 0 where it is not known.
int64_t ReadMemoryPeakBytes(const harness::generate::DeviceFacts& device,
                            const harness::pipeline::GeneratedMusic& music);

// Opens CUDA and runs a kernel on it. A process that did so can't hand CUDA to a child.
harness::Status CanUseCuda();

}  // namespace conformance
