#include "harness/base/mapped_file.h"

#include <sys/stat.h>

#include <fstream>

#include "harness/testing/matchers.h"
#include "harness/testing/temporary_folder.h"

namespace harness {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

class MappedFileTest : public ::testing::Test {
 protected:
  fs::path Write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_F(MappedFileTest, MapsTheBytes) {
  const Result<MappedFile> file = MappedFile::Open(Write("a.bin", "hello"));
  ASSERT_THAT(file, Succeeds());
  EXPECT_EQ(file->bytes().size(), 5u);
  EXPECT_EQ(static_cast<char>(file->bytes()[4]), 'o');
  EXPECT_EQ(file->name(), "a.bin");
}

TEST_F(MappedFileTest, FollowsLinks) {
  fs::create_symlink(Write("blob", "hello"), folder_ / "link");
  const Result<MappedFile> file = MappedFile::Open(folder_ / "link");
  ASSERT_THAT(file, Succeeds());
  EXPECT_EQ(file->bytes().size(), 5u);
}

TEST_F(MappedFileTest, EmptyIsNoError) {
  const Result<MappedFile> file = MappedFile::Open(Write("empty", ""));
  ASSERT_THAT(file, Succeeds());
  EXPECT_TRUE(file->bytes().empty());
}

TEST_F(MappedFileTest, ReleaseKeepsTheBytes) {
  const std::string text(100'000, 'x');
  Result<MappedFile> file = MappedFile::Open(Write("big", text));
  ASSERT_THAT(file, Succeeds());
  for (const auto& [offset, size] :
       {std::pair<size_t, size_t>{0, 100'000}, {5000, 1}, {99'999, 5}, {200'000, 7}, {1, SIZE_MAX}}) {
    file->Prefetch(offset, size);
    file->Release(offset, size);
  }
  EXPECT_EQ(static_cast<char>(file->bytes()[99'999]), 'x');
}

TEST_F(MappedFileTest, MovingLeavesNothingBehind) {
  Result<MappedFile> file = MappedFile::Open(Write("a.bin", "hello"));
  ASSERT_THAT(file, Succeeds());
  MappedFile moved = std::move(file).value();
  EXPECT_EQ(moved.bytes().size(), 5u);
  EXPECT_TRUE(file->bytes().empty());
}

TEST_F(MappedFileTest, MissingFile) {
  EXPECT_THAT(MappedFile::Open(folder_ / "none"), FailsWith(ErrorCode::kNotFound, Parts{"none: No such file"}));
  EXPECT_THAT(MappedFile::Open(Write("file", "x") / "inside"), FailsWith(ErrorCode::kNotFound, Parts{"inside"}));
}

TEST_F(MappedFileTest, DanglingLink) {
  fs::create_symlink("../blobs/abc", folder_ / "link");
  EXPECT_THAT(MappedFile::Open(folder_ / "link"),
              FailsWith(ErrorCode::kNotFound, Parts{"link: is a link to ../blobs/abc, which does not exist"}));
}

TEST_F(MappedFileTest, FolderAndPipe) {
  EXPECT_THAT(MappedFile::Open(folder_), FailsWith(ErrorCode::kIo, Parts{"is a folder"}));
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(MappedFile::Open(folder_ / "pipe"), FailsWith(ErrorCode::kIo, Parts{"not a regular file"}));
}

TEST_F(MappedFileTest, Unreadable) {
  const fs::path path = Write("secret", "x");
  fs::permissions(path, fs::perms::none);
  if (access(path.c_str(), R_OK) == 0) GTEST_SKIP() << "permissions do not bind this user";
  EXPECT_THAT(MappedFile::Open(path), FailsWith(ErrorCode::kIo, "can't be read"));
  EXPECT_THAT(MappedFile::Open(path), HasRemedy("chmod"));
}

}  // namespace
}  // namespace harness
