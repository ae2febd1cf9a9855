// OpenDevice from end to end, with the stand-in for the driver (cuda_stand_in/driver.cc).
#include <ATen/ATen.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>

#include "harness/base/error_text.h"
#include "harness/generate/devices.h"
#include "harness/generate/sampler.h"

namespace harness::generate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class OpenDeviceWithStandIn : public testing::Test {
 protected:
  // OpenDevice then finds it by its soname, whatever else the machine has.
  void SetUp() override {
    for (const char* variable : {"INIT", "CARDS", "BACKEND", "FAULT", "MEMORY"})
      unsetenv(fmt::format("CUDA_STAND_IN_{}", variable).c_str());
    ASSERT_NE(dlopen(CUDA_STAND_IN_DRIVER_LIBRARY, RTLD_NOW | RTLD_GLOBAL), nullptr) << dlerror();
  }
};

struct Unusable {
  const char* name;
  const char* init;
  const char* cards;
  ErrorCode code;
  const char* words;
  const char* remedy;
};

TEST_F(OpenDeviceWithStandIn, NamesWhatTheDriverGives) {
  const Unusable rows[] = {
      {"OutOfMemory", "2", "1", ErrorCode::kIo,
       "the device is out of memory (out of memory: CUDA error 2, from cuInit)", "End what else"},
      {"Stub", "34", "1", ErrorCode::kNotFound, "libcuda.so.1 is the toolkit's stub, which is only for linking",
       "Install the NVIDIA driver"},
      {"NoCapableDevice", "100", "1", ErrorCode::kNotFound, "there is no CUDA device (no CUDA-",
       "Look at nvidia-smi and CUDA_VISIBLE_DEVICES"},
      {"OfTwoVersions", "803", "1", ErrorCode::kMismatch, "kernel module are of different versions", "Reboot"},
      {"ForwardCompatibility", "804", "1", ErrorCode::kMismatch, "on a card that does not support it",
       "Update the driver itself"},
      {"TextOfTheDriver", "802", "1", ErrorCode::kIo,
       "the machine's GPUs are not ready (system not yet initialized: CUDA error 802, from cuInit",
       "start NVIDIA's fabric manager"},
      {"NoText", "999", "1", ErrorCode::kIo, "CUDA can't be used: CUDA error 999, from cuInit",
       "See whether nvidia-smi"},
      {"NoCards", "0", "0", ErrorCode::kNotFound, "there is no CUDA device", "CUDA_VISIBLE"},
      {"NoCount", "0", "-3", ErrorCode::kIo, "CUDA error 3, from cuDeviceGetCount", "nvidia-smi"},
  };
  for (const Unusable& row : rows) {
    SCOPED_TRACE(row.name);
    setenv("CUDA_STAND_IN_INIT", row.init, 1);
    setenv("CUDA_STAND_IN_CARDS", row.cards, 1);
    const auto facts = OpenDevice("cuda");
    ASSERT_FALSE(facts.ok());
    EXPECT_EQ(facts.error().code, row.code);
    EXPECT_THAT(facts.error().message, HasSubstr(row.words));
    EXPECT_THAT(facts.error().remedy, HasSubstr(row.remedy));
    EXPECT_THAT(JoinSentences(facts.error()), Not(HasSubstr("libtorch_cuda")));
  }
}

// The order matters: only where there is a card is LibTorch to blame.
TEST_F(OpenDeviceWithStandIn, NamesLibTorchWhereThereIsACard) {
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr) GTEST_SKIP() << "LibTorch here has CUDA";
  const auto facts = OpenDevice("cuda");
  ASSERT_FALSE(facts.ok());
  EXPECT_EQ(facts.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(facts.error().message, HasSubstr("there is a device (Stand-in card), but LibTorch is built without"));
  EXPECT_EQ(facts.error().remedy, "Install a build with libtorch_cuda and its libraries");
}

// A process that dies takes what it loaded with it: each of the following has one of its own.
class OpenDeviceOfBackend : public OpenDeviceWithStandIn {
 protected:
  void SetUp() override {
    OpenDeviceWithStandIn::SetUp();
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    setenv("CUDA_STAND_IN_BACKEND", CUDA_STAND_IN_BACKEND_LIBRARY, 1);
  }
};

// What OpenDevice gives, as what the process says before it ends.
[[noreturn]] void PrintAndExit(const Result<DeviceFacts>& facts) {
  if (!facts.ok()) {
    std::fprintf(stderr, "error %d: %s\n", static_cast<int>(facts.error().code), JoinSentences(facts.error()).c_str());
    std::exit(1);
  }
  std::fprintf(stderr, "%s of %s, %lld bytes, driver %s, runtime %s\n", facts->name.c_str(),
               facts->compute_capability.c_str(), static_cast<long long>(facts->total_memory_bytes),
               facts->driver_version.c_str(), facts->runtime_version.c_str());
  std::exit(0);
}

TEST_F(OpenDeviceOfBackend, GivesItsFacts) {
  EXPECT_EXIT(PrintAndExit(OpenDevice("cuda")), testing::ExitedWithCode(0),
              "Stand-in card of 9.0, 8589934592 bytes, driver 13.0, runtime 13.0");
}

TEST_F(OpenDeviceOfBackend, NamesWhatItsFirstKernelGives) {
  const struct {
    const char* name;
    const char* fault;
    const char* memory;
    ErrorCode code;
    const char* words;
  } rows[] = {
      {"NoKernel", "add:1:no kernel image is available for execution on the device", "1000000", ErrorCode::kUnsupported,
       "no kernels for the card's architecture .CUDA error: no kernel image.*Install a LibTorch that is built for it"},
      {"Assert", "add:1:device-side assert triggered", "1000000", ErrorCode::kIo,
       "nothing more can run on the device in this process.*Run again with CUDA_LAUNCH_BLOCKING=1"},
      {"WrongValue", "add:1:infinite", "1000000", ErrorCode::kIo, "the device gives 1 . 1 a wrong value"},
      {"Memory", "", "100", ErrorCode::kIo, "the device is out of memory.*End what else runs on the device"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    setenv("CUDA_STAND_IN_FAULT", row.fault, 1);
    setenv("CUDA_STAND_IN_MEMORY", row.memory, 1);
    const std::string said = fmt::format("error {}: CUDA.*{}", static_cast<int>(row.code), row.words);
    EXPECT_EXIT(PrintAndExit(OpenDevice("cuda")), testing::ExitedWithCode(1), said);
  }
}

// A former bug: a run on [cpu, cuda] in one process found LibTorch "built without CUDA".
TEST_F(OpenDeviceOfBackend, SaysWhereLibTorchHasRunBefore) {
  const auto convolve_then_open = [] {
    at::conv1d(at::ones({1, 1, 4}), at::ones({1, 1, 2}));
    PrintAndExit(OpenDevice("cuda"));
  };
  EXPECT_EXIT(convolve_then_open(), testing::ExitedWithCode(1),
              fmt::format("error {}: .*does not look for it again .Cannot query CUDART version without ATen_cuda "
                          "library\\.\\). Open CUDA first in a process that uses both",
                          static_cast<int>(ErrorCode::kUnsupported)));
}

TEST_F(OpenDeviceOfBackend, MeasuresThePeakOfItsMemory) {
  const auto measure = [] {
    const auto facts = OpenDevice("cuda");
    if (!facts.ok()) PrintAndExit(facts);
    const at::Tensor kept = at::zeros({1024}, at::TensorOptions().device(facts->device));
    { const at::Tensor gone = at::zeros({4096}, at::TensorOptions().device(facts->device)); }
    const int64_t first = PeakMemoryBytes(facts->device).value();
    ResetPeakMemory(facts->device);
    std::fprintf(stderr, "%lld then %lld\n", static_cast<long long>(first),
                 static_cast<long long>(PeakMemoryBytes(facts->device).value()));
    std::exit(0);
  };
  EXPECT_EXIT(measure(), testing::ExitedWithCode(0), "20480 then 4096");
}

// The stand-in's generator gives the CPU's numbers; what is shown is that logits, generator and tokens are on the
// device.
TEST_F(OpenDeviceOfBackend, DrawsWhereLogitsAre) {
  const auto draw = [] {
    const auto facts = OpenDevice("cuda");
    if (!facts.ok()) PrintAndExit(facts);
    Sampling sampling;
    sampling.top_k = 5;
    sampling.seed = 3;
    const at::Tensor logits = at::arange(400, at::kFloat).remainder(7).view({4, 100});
    const at::Tensor there = logits.to(facts->device);
    Sampler on_cpu(sampling), on_cuda(sampling, facts->device);
    bool same = true;
    for (int step = 0; step < 20; ++step) {
      const at::Tensor tokens = on_cuda.Next(there);
      same = same && tokens.is_cuda() && at::equal(tokens.cpu(), on_cpu.Next(logits));
    }
    sampling.seed = 4;
    Sampler other(sampling, facts->device);
    const bool differs = !at::equal(other.Next(there).cpu(), Sampler({.top_k = 5, .seed = 3}).Next(logits));
    std::fprintf(stderr, "%s, %s\n", same ? "the same" : "others", differs ? "another seed differs" : "no seed");
    std::exit(0);
  };
  EXPECT_EXIT(draw(), testing::ExitedWithCode(0), "the same, another seed differs");
}

}  // namespace
}  // namespace harness::generate
