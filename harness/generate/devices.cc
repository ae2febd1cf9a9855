#include "harness/generate/devices.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

namespace harness::generate {
namespace {

// Without the paragraph on linkers that LibTorch adds where its CUDA part is missing.
std::string FirstLine(std::string_view text) {
  return std::string(text.substr(0, std::min(text.find('\n'), text.find(" PyTorch splits its backend"))));
}

// CUDA's way to count: 12040 is 12.4.
std::string VersionText(int64_t version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

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

// What `function` gave, in the words of the runtime's cudaGetErrorString, which ClassifyCudaError knows; those of other
// numbers are the driver's own.
Error DriverError(const Driver& driver, int code, const char* function) {
  // The numbers of CUresult, which are those of cudaError_t.
  static constexpr std::pair<int, const char*> kTexts[] = {
      {2, "out of memory"},
      {34, "CUDA driver is a stub library"},
      {100, "no CUDA-capable device is detected"},
      {803, "system has unsupported display driver / cuda driver combination"},
      {804, "forward compatibility was attempted on non supported HW"},
  };
  const char* text = nullptr;
  for (const auto& [number, known] : kTexts) {
    if (number == code) text = known;
  }
  if (text == nullptr && driver.Call("cuGetErrorString", code, &text) != 0) text = nullptr;
  return ClassifyCudaError(
      fmt::format("{}CUDA error {}, from {}", text == nullptr ? "" : fmt::format("{}: ", text), code, function));
}

Result<DeviceFacts> AskDriver() {
  const Driver driver;
  if (!driver.found()) return ClassifyCudaError("Found no NVIDIA driver on your system");
  if (const int code = driver.Call("cuInit", 0U); code != 0) return DriverError(driver, code, "cuInit");
  int count = 0;
  if (const int code = driver.Call("cuDeviceGetCount", &count); code != 0)
    return DriverError(driver, code, "cuDeviceGetCount");
  if (count == 0) return ClassifyCudaError("No CUDA GPUs are available");
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
    facts.driver_version = VersionText(version);
  }
  return facts;
}

}  // namespace

Error ClassifyCudaError(std::string_view text) {
  struct Row {
    std::string_view part;
    ErrorCode code;
    const char* meaning;
    const char* remedy;
  };
  constexpr const char* kUpdate = "Update the driver";
  constexpr const char* kLook = "Look at nvidia-smi and CUDA_VISIBLE_DEVICES";
  constexpr const char* kBlocking = "Run again with CUDA_LAUNCH_BLOCKING=1 in the environment to see where";
  // The words of cudaGetErrorString, and of LibTorch 2.11 around them; more particular ones first.
  // (c10/cuda/CUDAFunctions.cpp, CUDACachingAllocator.cpp, ATen/detail/CUDAHooksInterface.h.)
  static constexpr Row kRows[] = {
      // The text of LibTorch without its CUDA part; here that is loaded before it is asked.
      {"without ATen_cuda", ErrorCode::kUnsupported,
       "LibTorch ran on the CPU before its CUDA part (libtorch_cuda) was loaded, and does not look for it again",
       "Open CUDA first in a process that uses both"},
      {"no kernel image", ErrorCode::kUnsupported, "this LibTorch has no kernels for the card's architecture",
       "Install a LibTorch that is built for it"},
      {"driver version is insufficient", ErrorCode::kMismatch,
       "the NVIDIA driver is too old for the CUDA runtime of this LibTorch", kUpdate},
      {"driver on your system is too old", ErrorCode::kMismatch,
       "the NVIDIA driver is too old for the CUDA runtime of this LibTorch", kUpdate},
      {"unsupported display driver", ErrorCode::kMismatch,
       "the NVIDIA driver's library (libcuda) and its kernel module are of different versions",
       "Reboot after an update of the driver, or, in a container, take the host's library"},
      {"forward compatibility was attempted", ErrorCode::kMismatch,
       "a forward-compatibility libcuda is used on a card that does not support it",
       "Update the driver itself, or take a LibTorch for an older CUDA"},
      {"stub library", ErrorCode::kNotFound, "libcuda.so.1 is the toolkit's stub, which is only for linking",
       "Install the NVIDIA driver, and take the stubs out of LD_LIBRARY_PATH"},
      {"not yet initialized", ErrorCode::kIo, "the machine's GPUs are not ready",
       "On machines with NVSwitch start NVIDIA's fabric manager, of the driver's version"},
      {"device-side assert", ErrorCode::kIo,
       "a kernel found an index out of its range, as of a code or a token that its embedding does not have; nothing "
       "more can run on the device in this process",
       kBlocking},
      {"illegal memory access", ErrorCode::kIo,
       "a kernel left its memory, and nothing more can run on the device in this process: a mistake of LibTorch, of "
       "the driver or of the card",
       kBlocking},
      {"busy or unavailable", ErrorCode::kIo,
       "another process has taken the CUDA device (exclusive compute mode), or it is unavailable",
       "Look at nvidia-smi"},
      {"Found no NVIDIA driver", ErrorCode::kNotFound, "there is no NVIDIA driver (libcuda.so.1)", "Install one"},
      {"no CUDA-capable device", ErrorCode::kNotFound, "there is no CUDA device", kLook},
      {"No CUDA GPUs are available", ErrorCode::kNotFound, "there is no CUDA device", kLook},
      {"out of memory", ErrorCode::kIo, "the device is out of memory",
       "End what else runs on the device, or take a larger one"},
  };
  for (const Row& row : kRows) {
    if (text.find(row.part) != std::string_view::npos) {
      return Error{row.code, fmt::format("CUDA: {} ({})", row.meaning, FirstLine(text)), row.remedy};
    }
  }
  return Error{ErrorCode::kIo, fmt::format("CUDA can't be used: {}", FirstLine(text)),
               "See whether nvidia-smi lists the device"};
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
  // The driver first: a machine without one needs no CUDA libraries either, and should not be sent after them.
  HARNESS_ASSIGN_OR_RETURN(DeviceFacts facts, AskDriver());
  // Registers LibTorch's CUDA hooks; the handle stays open for as long as the process lives.
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* why = dlerror();
    return Error{
        ErrorCode::kUnsupported,
        fmt::format(
            "CUDA: there is a device ({}), but LibTorch is built without CUDA, or a library that it needs for it "
            "is missing ({})",
            facts.name, why == nullptr ? "libtorch_cuda.so" : why),
        "Install a build with libtorch_cuda and its libraries"};
  }
  // cuDNN's attention, which LibTorch takes on such cards from 2.5 on, makes a plan for each number of keys: for every
  // step of a generation anew. On an H100 that is 60 ms a step in place of 2.5.
  at::globalContext().setSDPUseCuDNN(false);
  try {
    // Not at::hasCUDA, which only says that there is no device where the driver is too old.
    facts.runtime_version = VersionText(at::detail::getCUDAHooks().versionCUDART());
    // A kernel of its own, and its result: an allocation alone runs none.
    const at::Tensor two = at::ones({1}, at::TensorOptions().device(facts.device)) + 1;
    if (two.item<float>() != 2) return Error{ErrorCode::kIo, "CUDA: the device gives 1 + 1 a wrong value"};
  } catch (const std::exception& error) {
    return ClassifyCudaError(error.what());
  }
  return facts;
}

namespace {

Error NotRecorded(const std::string& why) {
  return {ErrorCode::kUnsupported, "the peak of device memory is not recorded: " + why};
}

// The allocator of `device`, through the interface that LibTorch has for any accelerator from 2.9 on.
template <class Body>
Result<int64_t> WithAllocator(c10::Device device, Body&& body) {
  if (device.is_cpu()) return NotRecorded("the CPU has no device memory");
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 9)
  try {
    return body(*c10::getDeviceAllocator(device.type()), device.has_index() ? device.index() : c10::DeviceIndex{0});
  } catch (const std::exception& error) {
    return NotRecorded(FirstLine(error.what()));
  }
#else
  return NotRecorded("LibTorch before 2.9 does not report it without CUDA's headers");
#endif
}

}  // namespace

void ResetPeakMemory(c10::Device device) {
  // What can't be reset can't be read either, and is reported there.
  (void)WithAllocator(device, [](auto& allocator, c10::DeviceIndex index) -> int64_t {
    allocator.resetPeakStats(index);
    return 0;
  });
}

Result<int64_t> PeakMemoryBytes(c10::Device device) {
  return WithAllocator(device, [](auto& allocator, c10::DeviceIndex index) -> int64_t {
    // The aggregate of all pools: what tensors took, not what the allocator keeps in reserve.
    const auto stats = allocator.getDeviceStats(index);
    return stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
  });
}

}  // namespace harness::generate
