#include "harness/base/mapping_guard.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "harness/base/mapped_file.h"
#include "harness/testing/matchers.h"
#include "harness/testing/temporary_folder.h"

namespace harness {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

constexpr size_t kSize = 1 << 20;

class MappingGuardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ForgetMappedFiles();
    Write("weights.bin", kSize);
  }
  void TearDown() override { ForgetMappedFiles(); }
  fs::path Write(const std::string& name, size_t size) {
    std::ofstream(folder_ / name, std::ios::binary | std::ios::trunc) << std::string(size, 'x');
    return folder_ / name;
  }
  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
  const fs::path path_ = folder_ / "weights.bin";
};

size_t Sum(std::span<const std::byte> bytes) {
  size_t sum = 0;
  for (const std::byte byte : bytes) sum += static_cast<size_t>(byte);
  return sum;
}

TEST_F(MappingGuardTest, AnUntouchedFileIsUnchanged) {
  const Result<MappedFile> file = MappedFile::Open(path_);
  ASSERT_THAT(file, Succeeds());
  EXPECT_EQ(Sum(file->bytes()), kSize * 'x');
  EXPECT_THAT(file->Unchanged(), Succeeds());
  EXPECT_THAT(MappedFilesUnchanged(), Succeeds());
}

TEST_F(MappingGuardTest, AShortenedFileReadsAsZerosAndIsNamed) {
  const Result<MappedFile> file = MappedFile::Open(path_);
  ASSERT_THAT(file, Succeeds());
  fs::resize_file(path_, 10'000);
  // The rest of the last page, and the pages behind it.
  EXPECT_EQ(Sum(file->bytes()), 10'000 * 'x');
  EXPECT_THAT(
      file->Unchanged(),
      FailsWith(ErrorCode::kIo, "weights.bin changed while it was read: 1048576 bytes at the start, 10000 now"));
  EXPECT_THAT(file->Unchanged(), HasRemedy("run again"));
  fs::path changed;
  EXPECT_THAT(MappedFilesUnchanged(&changed), FailsWith(ErrorCode::kIo, Parts{"weights.bin"}));
  EXPECT_EQ(changed, path_);
}

TEST_F(MappingGuardTest, PrefetchAndReleaseOfLostPagesAreHarmless) {
  const Result<MappedFile> file = MappedFile::Open(path_);
  ASSERT_THAT(file, Succeeds());
  fs::resize_file(path_, 0);
  file->Prefetch(0, kSize);
  EXPECT_EQ(Sum(file->bytes()), 0u);
  file->Release(0, kSize);
  EXPECT_EQ(Sum(file->bytes()), 0u);
}

// Shortened for a moment only: sizes and bytes agree again, but what was read was not what is there.
TEST_F(MappingGuardTest, WhatWasLostStaysLost) {
  const Result<MappedFile> file = MappedFile::Open(path_);
  ASSERT_THAT(file, Succeeds());
  fs::resize_file(path_, 0);
  EXPECT_EQ(Sum(file->bytes()), 0u);
  Write("weights.bin", kSize);
  EXPECT_THAT(file->Unchanged(), FailsWith(ErrorCode::kIo, Parts{"weights.bin"}));
}

// Two pages of a file that has one, mapped by hand: the second can't be read, though nothing changes.
class TooLong {
 public:
  explicit TooLong(const fs::path& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    fstat(fd, &status);
    data = static_cast<std::byte*>(mmap(nullptr, 2 * page, PROT_READ, MAP_PRIVATE, fd, 0));
    close(fd);
  }
  ~TooLong() { munmap(data, 2 * page); }
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  struct stat status {};
  std::byte* data = nullptr;
};

TEST_F(MappingGuardTest, WhatTheDiskDoesNotGiveIsLost) {
  const TooLong mapping(Write("short", 10));
  const Result<MappingGuard> guard =
      MappingGuard::Watch(folder_ / "short", mapping.status, mapping.data, 2 * mapping.page);
  ASSERT_THAT(guard, Succeeds());
  EXPECT_EQ(Sum({mapping.data, mapping.page}), 10 * 'x');
  EXPECT_THAT(guard->Unchanged(), Succeeds());
  EXPECT_EQ(Sum({mapping.data, 2 * mapping.page}), 10 * 'x');
  EXPECT_THAT(guard->Unchanged(), FailsWith(ErrorCode::kIo, Parts{"short could not be read to its end"}));
}

TEST_F(MappingGuardTest, BytesThatChangeInPlaceAreNoticed) {
  const Result<MappedFile> file = MappedFile::Open(path_);
  ASSERT_THAT(file, Succeeds());
  const auto time = fs::last_write_time(path_);
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary) << "y";
  fs::last_write_time(path_, time);  // as somebody would who wants to hide it
  EXPECT_THAT(file->Unchanged(), FailsWith(ErrorCode::kIo, Parts{"1048576 bytes at the start, 1048576 now"}));
}

TEST_F(MappingGuardTest, AReplacedFileIsNoticed) {
  const Result<MappedFile> file = MappedFile::Open(path_);
  ASSERT_THAT(file, Succeeds());
  fs::rename(Write("other", kSize), path_);
  EXPECT_EQ(Sum(file->bytes()), kSize * 'x');
  EXPECT_THAT(file->Unchanged(), FailsWith(ErrorCode::kIo, Parts{"in another file"}));
}

TEST_F(MappingGuardTest, ARemovedFileIsNoticed) {
  const Result<MappedFile> file = MappedFile::Open(path_);
  ASSERT_THAT(file, Succeeds());
  fs::remove(path_);
  EXPECT_THAT(file->Unchanged(), FailsWith(ErrorCode::kIo, Parts{"now it is not there"}));
}

TEST_F(MappingGuardTest, AFileThatIsNoLongerMappedIsStillCompared) {
  { ASSERT_THAT(MappedFile::Open(path_), Succeeds()); }
  EXPECT_THAT(MappedFilesUnchanged(), Succeeds());
  fs::resize_file(path_, 5);
  EXPECT_THAT(MappedFilesUnchanged(), FailsWith(ErrorCode::kIo, Parts{"weights.bin"}));
  ForgetMappedFiles();
  EXPECT_THAT(MappedFilesUnchanged(), Succeeds());
}

TEST_F(MappingGuardTest, MovingKeepsTheGuard) {
  Result<MappedFile> file = MappedFile::Open(path_);
  ASSERT_THAT(file, Succeeds());
  MappedFile moved = std::move(file).value();
  MappedFile again;
  again = std::move(moved);
  fs::resize_file(path_, 0);
  EXPECT_EQ(Sum(again.bytes()), 0u);
  EXPECT_THAT(again.Unchanged(), FailsWith(ErrorCode::kIo, Parts{"weights.bin"}));
}

TEST_F(MappingGuardTest, FilesThatAreMappedAtOnceAreCounted) {
  std::vector<MappedFile> files;
  for (size_t i = 0; i < MappingGuard::kMaxMappings; ++i) {
    Result<MappedFile> file = MappedFile::Open(path_);
    ASSERT_THAT(file, Succeeds()) << i;
    files.push_back(std::move(file).value());
  }
  EXPECT_THAT(MappedFile::Open(path_), FailsWith(ErrorCode::kUnsupported, Parts{"1024 files are mapped already"}));
  files.pop_back();
  EXPECT_THAT(MappedFile::Open(path_), Succeeds());
}

// Four threads read while a fifth shortens the file: a hundred times.
TEST_F(MappingGuardTest, ThreadsSurviveAFileThatIsCutUnderThem) {
  for (int round = 0; round < 100; ++round) {
    Write("weights.bin", kSize);
    const Result<MappedFile> file = MappedFile::Open(path_);
    ASSERT_THAT(file, Succeeds());
    std::atomic<size_t> sum{0};
    {
      std::vector<std::jthread> readers(4);
      for (std::jthread& reader : readers) reader = std::jthread([&] { sum += Sum(file->bytes()); });
      fs::resize_file(path_, static_cast<size_t>(round) * 10'000);
    }
    EXPECT_LE(sum, 4 * kSize * 'x');
    EXPECT_THAT(file->Unchanged(), FailsWith(ErrorCode::kIo, Parts{"weights.bin changed while it was read"}));
  }
}

// Anything else that makes a SIGBUS is none of this guard's business.
TEST_F(MappingGuardTest, AnotherBusErrorStillEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Result<MappedFile> file = MappedFile::Open(path_);
  ASSERT_THAT(file, Succeeds());
  EXPECT_DEATH(
      {
        std::signal(SIGALRM, SIG_DFL);
        alarm(30);
        raise(SIGBUS);
      },
      "");
}

}  // namespace
}  // namespace harness
