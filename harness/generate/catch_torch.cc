#include "harness/generate/catch_torch.h"

#include "harness/generate/devices.h"

namespace harness::generate {

Error TorchError(const char* doing, const std::string& what, bool out_of_memory) {
  std::string line = what.substr(0, what.find('\n'));
  while (line.ends_with('.')) line.pop_back();
  const bool cuda = what.find("CUDA") != std::string::npos;
  // c10/cuda/CUDACachingAllocator.cpp throws "CUDA out of memory. Tried to allocate ..."; cuBLAS and cuDNN, and kernels
  // that allocate by themselves, give cudaErrorMemoryAllocation's text.
  if (cuda && (out_of_memory || what.find("out of memory") != std::string::npos ||
               what.find("CUBLAS_STATUS_ALLOC_FAILED") != std::string::npos)) {
    return {
        ErrorCode::kIo,
        fmt::format("the CUDA device ran out of memory while {}: {}. This says nothing about the export", doing, line),
        "End what else runs on the device (nvidia-smi lists it), generate for a shorter time, or take a larger one"};
  }
  // c10/cuda/CUDAException.cpp. Whatever it means: kIo, since the device stopped, not the model.
  if (what.starts_with("CUDA error: ")) {
    const Error why = ClassifyCudaError(line);
    return {ErrorCode::kIo, fmt::format("the CUDA device stopped while {}. {}", doing, why.message), why.remedy};
  }
  // c10/core/impl/alloc_cpu.cpp throws "DefaultCPUAllocator: can't allocate memory: you tried to allocate ..."; on
  // Windows "not enough memory".
  if (out_of_memory || what.find("can't allocate memory") != std::string::npos ||
      what.find("not enough memory") != std::string::npos) {
    return {ErrorCode::kMachine, fmt::format("out of memory while {}: {}", doing, line)};
  }
  return {ErrorCode::kCorrupt, fmt::format("LibTorch refused {}: {}", doing, line)};
}

}  // namespace harness::generate
