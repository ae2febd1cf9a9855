#include "harness/generate/cuda_stand_in/memory.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

namespace cuda_stand_in {
namespace {

constexpr size_t kArenaBytes = size_t{4} << 30;
constexpr size_t kBlockBytes = 512;  // CUDA's caching allocator rounds to these

class Memory : public c10::DeviceAllocator {
 public:
  // One file, mapped twice: tensors point into a mapping without any rights, so that what dereferences a device pointer
  // on the host dies, as it does with CUDA; kernels use the other one. Pages that are not touched take no memory.
  Memory() {
    const int file = memfd_create("cuda_stand_in", 0);
    TORCH_CHECK(file >= 0 && ftruncate(file, kArenaBytes) == 0, "the stand-in finds no memory for its device");
    device_ = static_cast<char*>(mmap(nullptr, kArenaBytes, PROT_NONE, MAP_SHARED, file, 0));
    kernel_ = static_cast<char*>(mmap(nullptr, kArenaBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    TORCH_CHECK(device_ != MAP_FAILED && kernel_ != MAP_FAILED, "the stand-in can't map its device's memory");
    free_[0] = kArenaBytes;
    const char* limit = std::getenv("CUDA_STAND_IN_MEMORY");
    if (limit != nullptr) limit_ = std::strtoull(limit, nullptr, 10);
  }

  void* View(const void* pointer) {
    return pointer == nullptr ? nullptr : kernel_ + (static_cast<const char*>(pointer) - device_);
  }

  c10::DataPtr allocate(size_t bytes) override {
    const c10::Device device(c10::kCUDA, 0);
    if (bytes == 0) return {nullptr, device};
    const std::lock_guard lock(mutex_);
    const size_t size = (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
    auto block = free_.begin();
    while (block != free_.end() && block->second < size) ++block;
    const size_t taken = static_cast<size_t>(stats_.current);
    TORCH_CHECK_WITH(OutOfMemoryError, taken + size <= limit_ && block != free_.end(),
                     "CUDA out of memory. Tried to allocate ", size, " bytes. GPU 0 has a total capacity of ", limit_,
                     " bytes of which ", limit_ - taken, " bytes is free.");
    const auto [offset, room] = *block;
    free_.erase(block);
    if (room > size) free_[offset + size] = room - size;
    taken_[offset] = size;
    stats_.increase(size);
    void* pointer = device_ + offset;
    return {pointer, pointer, &Delete, device};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &Delete; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(KernelView(to), KernelView(from), bytes);
  }

  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {}
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex) override {
    c10::CachingDeviceAllocator::DeviceStats stats;
    stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)] = stats_;
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override { stats_.reset_accumulated(); }
  void resetPeakStats(c10::DeviceIndex) override { stats_.reset_peak(); }

 private:
  static void Delete(void* pointer);

  void Free(void* pointer) {
    const std::lock_guard lock(mutex_);
    const auto block = taken_.find(static_cast<size_t>(static_cast<char*>(pointer) - device_));
    stats_.decrease(block->second);
    auto at = free_.emplace(*block).first;
    taken_.erase(block);
    const auto join = [this](auto first, auto second) {
      if (first->first + first->second != second->first) return;
      first->second += second->second;
      free_.erase(second);
    };
    if (std::next(at) != free_.end()) join(at, std::next(at));
    if (at != free_.begin()) join(std::prev(at), at);
  }

  char* device_ = nullptr;
  char* kernel_ = nullptr;
  size_t limit_ = kArenaBytes;
  std::map<size_t, size_t> free_, taken_;  // offset, bytes
  c10::CachingAllocator::Stat stats_;
  std::mutex mutex_;
};

// Tensors may outlive what a program destroys at its end.
Memory& Instance() {
  static Memory& memory = *new Memory;
  return memory;
}

void Memory::Delete(void* pointer) { Instance().Free(pointer); }

const bool registered = [] {
  c10::SetAllocator(c10::kCUDA, &Instance());
  return true;
}();

}  // namespace

void* KernelView(const void* device_pointer) { return Instance().View(device_pointer); }
c10::Allocator& DeviceMemory() { return Instance(); }

}  // namespace cuda_stand_in
