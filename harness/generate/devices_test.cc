#include "harness/generate/devices.h"

#include <gmock/gmock.h>

#include "harness/generate/catch_torch.h"

namespace harness::generate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ClassifyCudaError, NamesEachWayToFail) {
  const struct {
    const char* name;
    const char* text;
    ErrorCode code;
    const char* words;
    const char* remedy;
  } rows[] = {
      {"NoKernel", "CUDA error: no kernel image is available for execution on the device\nCompile with",
       ErrorCode::kUnsupported, "architecture", "Install a LibTorch"},
      {"OldDriver", "CUDA error: CUDA driver version is insufficient for CUDA runtime version", ErrorCode::kMismatch,
       "driver is too old", "Update the driver"},
      {"OldDriverOfLibTorch", "The NVIDIA driver on your system is too old (found version 11040). Please update",
       ErrorCode::kMismatch, "driver is too old", "Update the driver"},
      {"DriverMismatch", "system has unsupported display driver / cuda driver combination", ErrorCode::kMismatch,
       "kernel module are of different versions", "Reboot"},
      {"ForwardCompatibility", "forward compatibility was attempted on non supported HW", ErrorCode::kMismatch,
       "does not support it", "Update the driver itself"},
      {"Stub", "CUDA driver is a stub library", ErrorCode::kNotFound, "only for linking", "Install the NVIDIA driver"},
      {"Busy", "CUDA error: CUDA-capable device(s) is/are busy or unavailable", ErrorCode::kIo, "another process",
       "nvidia-smi"},
      {"NoDeviceOfLibTorch", "No CUDA GPUs are available", ErrorCode::kNotFound, "no CUDA device",
       "CUDA_VISIBLE_DEVICES"},
      {"NoDriver", "Found no NVIDIA driver on your system", ErrorCode::kNotFound, "no NVIDIA driver", "Install one"},
      {"NoDevice", "no CUDA-capable device is detected", ErrorCode::kNotFound, "no CUDA device", "nvidia-smi"},
      {"Memory", "CUDA out of memory. Tried to allocate 2.00 MiB.", ErrorCode::kIo, "out of memory", "End what else"},
      {"TooLate", "Cannot initialize CUDA without ATen_cuda library.", ErrorCode::kUnsupported, "ran on the CPU before",
       "Open CUDA first"},
      {"Other", "CUDA error: misaligned address\n#0 frame", ErrorCode::kIo, "can't be used: CUDA error: misaligned",
       "See whether nvidia-smi"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const Error error = ClassifyCudaError(row.text);
    EXPECT_EQ(error.code, row.code);
    EXPECT_THAT(error.message, HasSubstr(row.words));
    EXPECT_THAT(error.message, Not(HasSubstr("\n")));
    EXPECT_THAT(error.remedy, HasSubstr(row.remedy));
  }
}

TEST(OpenDevice, TakesTheCpuAndRefusesOtherNames) {
  ASSERT_TRUE(OpenDevice("cpu").ok());
  const auto other = OpenDevice("tpu");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(other.error().message, HasSubstr("'tpu'"));
}

// On a machine with a card it opens; on one without, the driver is named, not a library that LibTorch lacks.
TEST(OpenDevice, NamesTheDriverFirst) {
  const auto cuda = OpenDevice("cuda");
  if (cuda.ok()) {
    EXPECT_TRUE(cuda->device.is_cuda());
    EXPECT_FALSE(cuda->name.empty());
    EXPECT_GT(cuda->total_memory_bytes, 0);
    return;
  }
  EXPECT_THAT(cuda.error().message, HasSubstr("CUDA"));
  EXPECT_THAT(cuda.error().message, Not(HasSubstr("\n")));
  if (cuda.error().code == ErrorCode::kNotFound) {
    EXPECT_THAT(cuda.error().message, Not(HasSubstr("libtorch_cuda")));
  }
}

TEST(PeakMemory, IsNotRecordedOnTheCpu) {
  ResetPeakMemory(c10::kCPU);
  const auto peak = PeakMemoryBytes(c10::kCPU);
  ASSERT_FALSE(peak.ok());
  EXPECT_EQ(peak.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(peak.error().message, HasSubstr("not recorded"));
}

// Without libtorch_cuda no allocator is registered: reported, not thrown.
TEST(PeakMemory, SaysWhyItIsNotRecordedOnCuda) {
  if (OpenDevice("cuda").ok()) GTEST_SKIP() << "a device is there";
  ResetPeakMemory(c10::Device(c10::kCUDA, 0));
  const auto peak = PeakMemoryBytes(c10::Device(c10::kCUDA, 0));
  ASSERT_FALSE(peak.ok());
  EXPECT_THAT(peak.error().message, HasSubstr("not recorded: "));
}

struct Thrown {
  const char* name;
  const char* what;
  bool out_of_memory;
  ErrorCode code;
  const char* words;
  const char* remedy = "";
};

TEST(TorchError, NamesWhatRanOutOfMemory) {
  const Thrown rows[] = {
      {"Device", "CUDA out of memory. Tried to allocate 2.00 GiB.\nmore", true, ErrorCode::kIo,
       "the CUDA device ran out of memory while generating: CUDA out of memory. Tried to allocate 2.00 GiB. This says",
       "nvidia-smi"},
      {"Kernel", "CUDA error: out of memory\nCUDA kernel errors might", false, ErrorCode::kIo,
       "says nothing about the export", "take a larger one"},
      {"Blas", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", false, ErrorCode::kIo,
       "the CUDA device ran out of memory"},
      {"Assert", "CUDA error: device-side assert triggered\nCUDA kernel errors", false, ErrorCode::kIo,
       "the CUDA device stopped while generating. CUDA: a kernel found an index out of its range",
       "CUDA_LAUNCH_BLOCKING=1"},
      {"LostMemory", "CUDA error: an illegal memory access was encountered\nm", false, ErrorCode::kIo,
       "nothing more can run on the device in this process: a mistake of LibTorch"},
      {"NoKernel", "CUDA error: no kernel image is available for execution on the device\nm", false, ErrorCode::kIo,
       "no kernels for the card's architecture", "Install a LibTorch that is built for it"},
      {"AnyOfCuda", "CUDA error: misaligned address\nm", false, ErrorCode::kIo,
       "can't be used: CUDA error: misaligned"},
      {"Machine", "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried",
       false, ErrorCode::kMachine, "out of memory while generating"},
      {"Other", "The size of tensor a (3) must match\nframe", false, ErrorCode::kCorrupt,
       "LibTorch refused generating: The size"},
  };
  for (const Thrown& row : rows) {
    SCOPED_TRACE(row.name);
    const Error error = TorchError("generating", row.what, row.out_of_memory);
    EXPECT_EQ(error.code, row.code);
    EXPECT_THAT(error.message, HasSubstr(row.words));
    EXPECT_THAT(error.message, Not(HasSubstr("\n")));
    EXPECT_THAT(error.remedy, HasSubstr(row.remedy));
  }
}

}  // namespace
}  // namespace harness::generate
