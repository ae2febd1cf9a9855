// The stand-in's device memory: host memory that the host can't read, as a card's is not.
#pragma once

#include <c10/core/Allocator.h>

namespace cuda_stand_in {

// Where a kernel reads and writes what a tensor's device pointer names; null for null.
void* KernelView(const void* device_pointer);

// Of Device(kCUDA, 0), registered with LibTorch when this library is loaded.
//   CUDA_STAND_IN_MEMORY  bytes that may be taken at once; default 4 GiB. Beyond: c10::OutOfMemoryError, as CUDA's
c10::Allocator& DeviceMemory();

}  // namespace cuda_stand_in
