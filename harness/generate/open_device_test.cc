// OpenDevice from end to end, with the stand-in for the driver (cuda_stand_in/driver.cc).
#include <dlfcn.h>
#include <gmock/gmock.h>

#include <cstdlib>

#include "harness/generate/devices.h"

namespace harness {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class OpenDeviceWithStandIn : public testing::Test {
 protected:
  // OpenDevice then finds it by its soname, whatever else the machine has.
  void SetUp() override { ASSERT_NE(dlopen(CUDA_STAND_IN_DRIVER, RTLD_NOW | RTLD_GLOBAL), nullptr) << dlerror(); }
};

struct Unusable {
  const char* name;
  const char* init;
  const char* cards;
  ErrorCode code;
  const char* words;
};

TEST_F(OpenDeviceWithStandIn, NamesWhatTheDriverGives) {
  const Unusable rows[] = {
      {"OutOfMemory", "2", "1", ErrorCode::kIo,
       "the device is out of memory: end what else runs on it, or take a larger one (out of memory: CUDA error 2, from "
       "cuInit)"},
      {"Stub", "34", "1", ErrorCode::kNotFound, "libcuda.so.1 is the toolkit's stub, which is only for linking"},
      {"NoCapableDevice", "100", "1", ErrorCode::kNotFound, "look at nvidia-smi and CUDA_VISIBLE_DEVICES (no CUDA-"},
      {"OfTwoVersions", "803", "1", ErrorCode::kMismatch, "kernel module are of different versions: reboot"},
      {"ForwardCompatibility", "804", "1", ErrorCode::kMismatch, "on a card that does not support it: update"},
      {"TextOfTheDriver", "802", "1", ErrorCode::kIo,
       "start NVIDIA's fabric manager, of the driver's version (system not yet initialized: CUDA error 802, from "
       "cuInit"},
      {"NoText", "999", "1", ErrorCode::kIo, "CUDA can't be used: CUDA error 999, from cuInit. See whether nvidia-smi"},
      {"NoCards", "0", "0", ErrorCode::kNotFound, "there is no CUDA device: look at nvidia-smi and CUDA_VISIBLE"},
      {"NoCount", "0", "-3", ErrorCode::kIo, "CUDA error 3, from cuDeviceGetCount"},
  };
  for (const Unusable& row : rows) {
    SCOPED_TRACE(row.name);
    setenv("CUDA_STAND_IN_INIT", row.init, 1);
    setenv("CUDA_STAND_IN_CARDS", row.cards, 1);
    const auto facts = OpenDevice("cuda");
    ASSERT_FALSE(facts.ok());
    EXPECT_EQ(facts.error().code, row.code);
    EXPECT_THAT(facts.error().message, HasSubstr(row.words));
    EXPECT_THAT(facts.error().message, Not(HasSubstr("libtorch_cuda")));
  }
}

// The order matters: only where there is a card is LibTorch to blame.
TEST_F(OpenDeviceWithStandIn, NamesLibTorchWhereThereIsACard) {
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr) GTEST_SKIP() << "LibTorch here has CUDA";
  unsetenv("CUDA_STAND_IN_INIT");
  unsetenv("CUDA_STAND_IN_CARDS");
  const auto facts = OpenDevice("cuda");
  ASSERT_FALSE(facts.ok());
  EXPECT_EQ(facts.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(facts.error().message, HasSubstr("there is a device (Stand-in card), but LibTorch is built without"));
  EXPECT_THAT(facts.error().message, HasSubstr("install a build with libtorch_cuda and its libraries (lib"));
}

}  // namespace
}  // namespace harness
