// A stand-in for the NVIDIA driver, for tests on machines without one: what OpenDevice asks of libcuda.so.1, answered
// as an environment variable says, and a device node. It is not CUDA: nothing can be computed on its card without the
// stand-in for LibTorch's backend beside it (backend.cc).
//
// A process sees it only where a test preloads it (LD_PRELOAD), or opens it by its path before OpenDevice does.
//   CUDA_STAND_IN_INIT     the number that cuInit gives; default 0
//   CUDA_STAND_IN_CARDS    how many there are; default 1. A negative one is the number that cuDeviceGetCount fails with
//   CUDA_STAND_IN_BACKEND  a library that cuInit opens: its soname libtorch_cuda.so then stands for LibTorch's own,
//                          which a program's RPATH would find before LD_LIBRARY_PATH
#include <dlfcn.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

int Number(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoi(text);
}

constexpr int kErrorInvalidValue = 1;

}  // namespace

extern "C" {

int cuInit(unsigned) {
  if (const int code = Number("CUDA_STAND_IN_INIT", 0); code != 0) return code;
  const char* backend = std::getenv("CUDA_STAND_IN_BACKEND");
  if (backend != nullptr && dlopen(backend, RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    std::fprintf(stderr, "the stand-in for libtorch_cuda can't be loaded: %s\n", dlerror());
  }
  return 0;
}

// Of the errors that have no message in OpenDevice, one: texts are the driver's.
int cuGetErrorString(int code, const char** text) {
  *text = code == 802 ? "system not yet initialized" : nullptr;
  return code == 802 ? 0 : kErrorInvalidValue;
}

int cuDeviceGetCount(int* count) {
  const int cards = Number("CUDA_STAND_IN_CARDS", 1);
  if (cards < 0) return -cards;
  *count = cards;
  return 0;
}

int cuDeviceGet(int* device, int index) {
  *device = index;
  return 0;
}

int cuDeviceGetName(char* name, int size, int) {
  std::strncpy(name, "Stand-in card", static_cast<size_t>(size));
  return 0;
}

int cuDeviceTotalMem_v2(size_t* bytes, int) {
  *bytes = size_t{8} << 30;
  return 0;
}

int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == 75 ? 9 : 0;
  return 0;
}

int cuDriverGetVersion(int* version) {
  *version = 13000;
  return 0;
}

// The card's device node, without which the suite does not look for a driver: as if it were /dev/null.
int stat(const char* path, struct stat* status) noexcept {
  static const auto next = reinterpret_cast<int (*)(const char*, struct stat*)>(dlsym(RTLD_NEXT, "stat"));
  return next(std::strcmp(path, "/dev/nvidia0") == 0 ? "/dev/null" : path, status);
}

// What `stat` was before glibc 2.33: a program that links LibTorch's wheel takes std::filesystem from it, built so.
int __xstat(int, const char* path, struct stat* status) noexcept { return stat(path, status); }

}  // extern "C"
