// The devices that generation can run on: "cpu" and "cuda", opened on demand.
//
// libtorch_cuda and the NVIDIA driver are loaded only where "cuda" is asked for; nothing here is linked to either.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "harness/base/result.h"

namespace harness::generate {

struct DeviceFacts {
  c10::Device device = c10::kCPU;
  std::string name;                // "cpu", or the driver's name of the card
  std::string compute_capability;  // "9.0"; empty on the CPU
  int64_t total_memory_bytes = 0;  // 0 on the CPU: not looked for
  std::string driver_version;      // the CUDA version that the driver serves, "12.4"; empty on the CPU
  std::string runtime_version;     // of LibTorch's CUDA runtime, "13.0"; empty on the CPU
};

// Errors, each with its own message: kUnsupported (no such name; LibTorch without CUDA; no kernels for the card's
// architecture), kNotFound (no driver, no device), kMismatch (driver too old), kIo (out of memory, anything else).
// No exception leaves it.
// Precondition for "cuda": nothing has run on the CPU yet in this process. LibTorch looks for its CUDA part once, at
// the first operation that could use it (at::convolution is one), and keeps what it found: kUnsupported, saying so.
Result<DeviceFacts> OpenDevice(const std::string& name);

// What the text of an error from CUDA, its driver or LibTorch means for who made the export.
Error ClassifyCudaError(std::string_view text);

// The most bytes that tensors have taken on `device` at once since ResetPeakMemory. Errors: kUnsupported, saying why it
// is not recorded (the CPU; a LibTorch that does not report it).
void ResetPeakMemory(c10::Device device);
Result<int64_t> PeakMemoryBytes(c10::Device device);

}  // namespace harness::generate
