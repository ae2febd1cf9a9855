#include "harness/base/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace harness {
namespace {

namespace fs = std::filesystem;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Error OpenError(const fs::path& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    std::error_code ignored;
    if (fs::is_symlink(fs::symlink_status(path, ignored))) {
      const fs::path target = fs::read_symlink(path, ignored);
      return {ErrorCode::kNotFound,
              fmt::format("{}: is a link to {}, which does not exist. Links into a hub cache break when the cache is "
                          "cleaned or the folder is copied elsewhere",
                          path.string(), target.string()),
              "Copy the file itself to this place"};
    }
    return {ErrorCode::kNotFound, fmt::format("{}: {}", path.string(), std::strerror(error))};
  }
  if (error == EMFILE || error == ENFILE || error == ENOMEM) {
    return {ErrorCode::kMachine, fmt::format("{}: can't be opened: {}", path.string(), std::strerror(error))};
  }
  if (error == ELOOP) {
    return {
        ErrorCode::kIo,
        fmt::format("{}: is a link that leads back to itself, as `ln -s` in the wrong folder makes it", path.string()),
        "Remove the link, and put the file itself there"};
  }
  if (error == EACCES || error == EPERM) {
    return {ErrorCode::kIo, fmt::format("{}: can't be read: {}", path.string(), std::strerror(error)),
            "Change the file's permissions (chmod a+r)"};
  }
  return {ErrorCode::kIo, fmt::format("{}: can't be opened: {}", path.string(), std::strerror(error))};
}

// madvise wants whole pages: the widest run of them inside (or, with `outwards`, around) the range.
std::pair<size_t, size_t> PageRange(size_t offset, size_t size, size_t end, bool outwards) {
  static const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t last = std::min(end, offset + std::min(size, end - std::min(offset, end)));
  if (outwards) return {offset / page * page, last};
  // The file's last page is partial and may be given back as a whole.
  return {(offset + page - 1) / page * page, last == end ? last : last / page * page};
}

}  // namespace

Result<MappedFile> MappedFile::Open(const fs::path& path) {
  // O_NONBLOCK: opening a named pipe would wait for its writer.
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return OpenError(path, errno);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return OpenError(path, errno);
  if (S_ISDIR(status.st_mode)) {
    return Error{ErrorCode::kIo, fmt::format("{}: is a folder, not a file", path.string()),
                 "Look into it for the file itself, and put that in the place of the folder; else copy the file again"};
  }
  if (!S_ISREG(status.st_mode)) {
    return Error{ErrorCode::kIo, fmt::format("{}: is not a regular file (a pipe, socket or device)", path.string())};
  }
  MappedFile file;
  file.path_ = path;
  if (status.st_size == 0) return file;
  const auto size = static_cast<size_t>(status.st_size);
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) {
    return Error{errno == ENOMEM || errno == EAGAIN ? ErrorCode::kMachine : ErrorCode::kIo,
                 fmt::format("{}: {} bytes can't be mapped: {}", path.string(), size, std::strerror(errno))};
  }
  file.data_ = static_cast<const std::byte*>(data);
  file.size_ = size;
  HARNESS_ASSIGN_OR_RETURN(file.guard_, MappingGuard::Watch(path, status, data, size));
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      guard_(std::move(other.guard_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(guard_, other.guard_);
  return *this;
}

MappedFile::~MappedFile() {
  guard_ = {};  // before the bytes go
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::Prefetch(size_t offset, size_t size) const {
#ifdef MADV_POPULATE_READ  // Linux 5.14: maps present pages in one call instead of a fault for every sixteen
  const auto [first, last] = PageRange(offset, size, size_, true);
  if (first < last) madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_POPULATE_READ);
#else
  (void)offset, (void)size;
#endif
}

void MappedFile::Release(size_t offset, size_t size) const {
  const auto [first, last] = PageRange(offset, size, size_, false);
  if (first < last) madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED);
}

}  // namespace harness
