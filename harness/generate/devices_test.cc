#include "harness/generate/devices.h"

#include <gmock/gmock.h>

namespace harness {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ClassifyCudaError, NamesEachWayToFail) {
  const struct {
    const char* name;
    const char* text;
    ErrorCode code;
    const char* words;
  } rows[] = {
      {"NoKernel", "CUDA error: no kernel image is available for execution on the device\nCompile with",
       ErrorCode::kUnsupported, "architecture"},
      {"OldDriver", "CUDA error: CUDA driver version is insufficient for CUDA runtime version", ErrorCode::kMismatch,
       "driver is too old"},
      {"NoDriver", "Found no NVIDIA driver on your system", ErrorCode::kNotFound, "no NVIDIA driver"},
      {"NoDevice", "no CUDA-capable device is detected", ErrorCode::kNotFound, "no CUDA device"},
      {"Memory", "CUDA out of memory. Tried to allocate 2.00 MiB.", ErrorCode::kIo, "out of memory: end"},
      {"NoBuild", "Cannot initialize CUDA without ATen_cuda library.", ErrorCode::kUnsupported, "without CUDA"},
      {"Other", "CUDA error: misaligned address\n#0 frame", ErrorCode::kIo, "can't be used: CUDA error: misaligned"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const Error error = ClassifyCudaError(row.text);
    EXPECT_EQ(error.code, row.code);
    EXPECT_THAT(error.message, HasSubstr(row.words));
    EXPECT_THAT(error.message, Not(HasSubstr("\n")));
  }
}

TEST(OpenDevice, TakesTheCpuAndRefusesOtherNames) {
  ASSERT_TRUE(OpenDevice("cpu").ok());
  const auto other = OpenDevice("tpu");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(other.error().message, HasSubstr("'tpu'"));
}

}  // namespace
}  // namespace harness
