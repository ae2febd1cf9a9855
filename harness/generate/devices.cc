#include "harness/generate/devices.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <exception>

namespace harness {
namespace {

std::string FirstLine(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

// The few functions of libcuda that are called, by the names and types of the driver API: its headers aren't needed.
class Driver {
 public:
  // The handle stays open: LibTorch uses the same library until the process ends.
  Driver() : handle_(dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL)) {}
  bool found() const { return handle_ != nullptr; }

  template <class... Args>
  int Call(const char* function, Args... args) const {
    auto* address = reinterpret_cast<int (*)(Args...)>(dlsym(handle_, function));
    return address == nullptr ? kNoSuchFunction : address(args...);
  }

 private:
  static constexpr int kNoSuchFunction = 500;  // CUDA_ERROR_NOT_FOUND
  void* handle_;
};

Result<DeviceFacts> AskDriver() {
  const Driver driver;
  if (!driver.found()) return ClassifyCudaError("Found no NVIDIA driver on your system");
  // 100 is CUDA_ERROR_NO_DEVICE, 803 CUDA_ERROR_SYSTEM_DRIVER_MISMATCH.
  if (const int code = driver.Call("cuInit", 0U); code == 100) {
    return ClassifyCudaError("no CUDA-capable device is detected");
  } else if (code != 0) {
    return ClassifyCudaError(fmt::format("cuInit gives CUDA error {}", code));
  }
  int count = 0;
  if (driver.Call("cuDeviceGetCount", &count) != 0 || count == 0)
    return ClassifyCudaError("No CUDA GPUs are available");
  DeviceFacts facts;
  facts.device = c10::Device(c10::kCUDA, 0);
  int device = 0, version = 0, major = 0, minor = 0;
  size_t bytes = 0;
  std::array<char, 256> name{};
  if (driver.Call("cuDeviceGet", &device, 0) == 0) {
    if (driver.Call("cuDeviceGetName", name.data(), 255, device) == 0) facts.name = name.data();
    if (driver.Call("cuDeviceTotalMem_v2", &bytes, device) == 0) facts.total_memory_bytes = static_cast<int64_t>(bytes);
    // 75 and 76: CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR.
    if (driver.Call("cuDeviceGetAttribute", &major, 75, device) == 0 &&
        driver.Call("cuDeviceGetAttribute", &minor, 76, device) == 0) {
      facts.compute_capability = fmt::format("{}.{}", major, minor);
    }
  }
  if (driver.Call("cuDriverGetVersion", &version) == 0) {
    facts.driver_version = fmt::format("{}.{}", version / 1000, version % 1000 / 10);
  }
  return facts;
}

}  // namespace

Error ClassifyCudaError(std::string_view text) {
  struct Row {
    std::string_view part;
    ErrorCode code;
    const char* meaning;
  };
  // The words of cudaGetErrorString, and of LibTorch 2.11 around them; more particular ones first.
  static constexpr Row kRows[] = {
      {"without ATen_cuda", ErrorCode::kUnsupported,
       "LibTorch is built without CUDA: install a build with libtorch_cuda"},
      {"no kernel image", ErrorCode::kUnsupported,
       "this LibTorch has no kernels for the card's architecture: install one that is built for it"},
      {"driver version is insufficient", ErrorCode::kMismatch,
       "the NVIDIA driver is too old for the CUDA runtime of this LibTorch: update the driver"},
      {"driver on your system is too old", ErrorCode::kMismatch,
       "the NVIDIA driver is too old for the CUDA runtime of this LibTorch: update the driver"},
      {"Found no NVIDIA driver", ErrorCode::kNotFound, "there is no NVIDIA driver (libcuda.so.1): install one"},
      {"no CUDA-capable device", ErrorCode::kNotFound,
       "there is no CUDA device: look at nvidia-smi and CUDA_VISIBLE_DEVICES"},
      {"No CUDA GPUs are available", ErrorCode::kNotFound,
       "there is no CUDA device: look at nvidia-smi and CUDA_VISIBLE_DEVICES"},
      {"out of memory", ErrorCode::kIo, "the device is out of memory: end what else runs on it, or take a larger one"},
  };
  for (const Row& row : kRows) {
    if (text.find(row.part) != std::string_view::npos) {
      return Error{row.code, fmt::format("CUDA: {} ({})", row.meaning, FirstLine(text))};
    }
  }
  return Error{ErrorCode::kIo, fmt::format("CUDA can't be used: {}", FirstLine(text))};
}

Result<DeviceFacts> OpenDevice(const std::string& name) {
  if (name == "cpu") {
    DeviceFacts facts;
    facts.name = "cpu";
    return facts;
  }
  if (name != "cuda") {
    return Error{ErrorCode::kUnsupported, fmt::format("there is no device '{}': 'cpu' and 'cuda' are known", name)};
  }
  // Registers LibTorch's CUDA hooks; the handle stays open for as long as the process lives.
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* why = dlerror();
    return Error{ErrorCode::kUnsupported,
                 fmt::format("CUDA: LibTorch is built without CUDA, or a library it needs for it is missing: install a "
                             "build with libtorch_cuda and its libraries ({})",
                             why == nullptr ? "libtorch_cuda.so" : why)};
  }
  ASSIGN_OR_RETURN(DeviceFacts facts, AskDriver());
  try {
    if (!at::hasCUDA()) return ClassifyCudaError("No CUDA GPUs are available");
    // A kernel of its own, and its result: an allocation alone runs none.
    const at::Tensor two = at::ones({1}, at::TensorOptions().device(facts.device)) + 1;
    if (two.item<float>() != 2) return Error{ErrorCode::kIo, "CUDA: the device gives 1 + 1 a wrong value"};
  } catch (const std::exception& error) {
    return ClassifyCudaError(error.what());
  }
  return facts;
}

}  // namespace harness
