#include "harness/base/mapping_guard.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>
#include <vector>

namespace harness {

class GuardedFile {
 public:
  GuardedFile(std::filesystem::path path, const struct stat& status) : path_(std::move(path)), status_(status) {}

  const std::filesystem::path& path() const { return path_; }
  std::atomic<bool>& lost() { return lost_; }

  Status Unchanged() const {
    constexpr const char* kWhy = "What was judged is not what is there now";
    constexpr const char* kRemedy = "Wait until nothing writes to the file, and run again";
    struct stat now {};
    const std::string name = path_.filename().string();
    if (stat(path_.c_str(), &now) != 0) {
      return Error{ErrorCode::kIo,
                   fmt::format("{} changed while it was read: {} bytes at the start, and now it is not there. {}", name,
                               status_.st_size, kWhy),
                   kRemedy};
    }
    const auto same_time = [](const timespec& a, const timespec& b) {
      return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    };
    const bool another = now.st_dev != status_.st_dev || now.st_ino != status_.st_ino;
    if (another || now.st_size != status_.st_size || !same_time(now.st_mtim, status_.st_mtim) ||
        !same_time(now.st_ctim, status_.st_ctim)) {
      return Error{ErrorCode::kIo,
                   fmt::format("{} changed while it was read: {} bytes at the start, {} now{}. {}", name,
                               status_.st_size, now.st_size, another ? ", in another file" : "", kWhy),
                   kRemedy};
    }
    if (lost_) {
      return Error{ErrorCode::kIo,
                   fmt::format("{} could not be read to its end: the disk or the network did not give some of its {} "
                               "bytes, or it was shorter for a moment",
                               name, status_.st_size),
                   "Copy it to a disk of this machine, and run again"};
    }
    return {};
  }

 private:
  const std::filesystem::path path_;
  const struct stat status_;
  std::atomic<bool> lost_{false};
};

namespace {

// What the handler reads: nothing but atomics, since it runs in the middle of anything.
struct Slot {
  std::atomic<uintptr_t> begin{0}, end{0};  // begin is 0 while the slot is free
  std::atomic<std::atomic<bool>*> lost{nullptr};
};
std::array<Slot, MappingGuard::kMaxMappings> slots;
uintptr_t page_size = 0;
struct sigaction before = {};

struct Registry {
  std::mutex mutex;
  std::vector<std::shared_ptr<GuardedFile>> files;
};
Registry& Files() {
  static Registry registry;
  return registry;
}

void OnBusError(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  const auto address = info->si_code > 0 ? reinterpret_cast<uintptr_t>(info->si_addr) : 0;
  for (Slot& slot : slots) {
    const uintptr_t begin = slot.begin, end = slot.end;
    if (begin == 0 || address < begin || address >= end) continue;
    const uintptr_t page = address / page_size * page_size;
    if (mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED) {
      break;
    }
    if (std::atomic<bool>* lost = slot.lost) *lost = true;
    errno = error;
    return;
  }
  errno = error;
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr) {
    before.sa_sigaction(signal, info, context);  // a sanitizer's
  } else {
    // The access is tried again when this returns, and ends the process; a signal that somebody sent is sent again.
    sigaction(SIGBUS, &before, nullptr);
    if (info->si_code <= 0) raise(signal);
  }
}

void Install() {
  page_size = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action = {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &before);
}

}  // namespace

Result<MappingGuard> MappingGuard::Watch(const std::filesystem::path& path, const struct stat& status, const void* data,
                                         size_t size) {
  static std::once_flag installed;
  std::call_once(installed, Install);
  Registry& registry = Files();
  const std::lock_guard lock(registry.mutex);
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].begin != 0) continue;
    MappingGuard guard;
    guard.file_ = std::make_shared<GuardedFile>(path, status);
    guard.slot_ = i;
    slots[i].lost = &guard.file_->lost();
    slots[i].end = reinterpret_cast<uintptr_t>(data) + size;
    slots[i].begin = reinterpret_cast<uintptr_t>(data);
    registry.files.push_back(guard.file_);
    return guard;
  }
  return Error{ErrorCode::kUnsupported, fmt::format("{}: {} files are mapped already, and no more are read at once",
                                                    path.string(), kMaxMappings)};
}

MappingGuard::MappingGuard(MappingGuard&& other) noexcept : file_(std::move(other.file_)), slot_(other.slot_) {
  other.file_.reset();
}

MappingGuard& MappingGuard::operator=(MappingGuard&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(slot_, other.slot_);
  return *this;
}

MappingGuard::~MappingGuard() {
  if (!file_) return;
  slots[slot_].begin = 0;
  slots[slot_].lost = nullptr;
}

Status MappingGuard::Unchanged() const { return file_ ? file_->Unchanged() : Status(); }

Status MappedFilesUnchanged(std::filesystem::path* changed) {
  Registry& registry = Files();
  const std::lock_guard lock(registry.mutex);
  for (const auto& file : registry.files) {
    Status status = file->Unchanged();
    if (status.ok()) continue;
    if (changed != nullptr) *changed = file->path();
    return status;
  }
  return {};
}

void ForgetMappedFiles() {
  Registry& registry = Files();
  const std::lock_guard lock(registry.mutex);
  registry.files.clear();
}

}  // namespace harness
