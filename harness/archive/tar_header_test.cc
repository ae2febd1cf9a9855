#include "harness/archive/tar_header.h"

#include <fmt/format.h>

#include "harness/archive/file_kind.h"
#include "harness/checkpoint/record_safety.h"
#include "harness/testing/test_support.h"

namespace harness {
namespace {

using namespace testing_support;
using namespace std::string_literals;

std::string Field(std::string text, size_t size) {
  text.resize(size, '\0');
  return text;
}

// A V7 header: nothing but zeros behind offset 157.
std::string Header(const std::string& name, size_t size, bool with_sign = false, const char* checksum = "{:06o}\0 ") {
  std::string header = Field(name, 100) + "0000644\0"s + "0000000\0"s + "0000000\0"s + fmt::format("{:011o}", size) +
                       "\0"s + "00000000000\0"s + "        " + "0";
  header.resize(512, '\0');
  int64_t sum = 0;
  for (const char c : header) sum += with_sign ? static_cast<signed char>(c) : static_cast<unsigned char>(c);
  return header.replace(148, 8, Field(fmt::format(fmt::runtime(checksum), sum), 8));
}

std::string Member(const std::string& name, const std::string& data) {
  return Header(name, data.size()) + Field(data, (data.size() + 511) / 512 * 512);
}

TEST(TarHeader, IsFoundAsPythonFindsIt) {
  EXPECT_TRUE(IsTarHeader(Bytes(Header("storages", 0))));
  EXPECT_TRUE(IsTarHeader(Bytes(Header("\x80\x02\x8a", 0))));
  EXPECT_TRUE(IsTarHeader(Bytes(Header("\x80\x02\x8a", 0, true))));
  for (const char* checksum : {"{:o}", " {:o} ", "0o{:o}", "{:o} \n", "+{:o}", "{:03o}_0"}) {
    const bool shifted = std::string_view(checksum).ends_with("_0");  // another number
    EXPECT_EQ(IsTarHeader(Bytes(Header("storages", 0, false, checksum))), !shifted) << checksum;
  }
  std::string header = Header("storages", 0);
  header[0] = 'S';
  EXPECT_FALSE(IsTarHeader(Bytes(header)));
  EXPECT_FALSE(IsTarHeader(Bytes(header.substr(0, 511))));
  EXPECT_FALSE(IsTarHeader(Bytes(std::string(512, '\0'))));
}

TEST(TarHeader, Numbers) {
  EXPECT_EQ(TarNumber("0000017\0"s), 15u);
  EXPECT_EQ(TarNumber("1_7"), 15u);
  EXPECT_EQ(TarNumber("\x80\0\0\x01\x02"s), 258u);
  EXPECT_EQ(TarNumber("19"), std::nullopt);
  EXPECT_EQ(TarNumber("\xff\xff"s), std::nullopt);
  EXPECT_EQ(TarNumber("\x80\x01\0\0\0\0\0\0\0"s + std::string(3, '\0')), std::nullopt);
}

TEST(TarHeader, EveryTarIsDangerous) {
  const std::string unsafe = "cposix\nsystem\n(S'true'\ntR.";
  for (const std::string& tar : {Member("storages", unsafe), Member("GGUF", "x") + Member("storages", unsafe)}) {
    EXPECT_THAT(StraySafety(Bytes(tar), "f"),
                FailsWith(ErrorCode::kUnsafe, Parts{"unpickles its members", "posix.system"}));
  }
  EXPECT_THAT(StraySafety(Bytes(Member("other", "x")), "f"),
              FailsWith(ErrorCode::kUnsafe, Parts{"unpickles its members"}));
  EXPECT_EQ(SniffFileKind(Bytes(Member("storages", unsafe))), FileKind::kTorchTar);
  EXPECT_EQ(SniffFileKind(Bytes(Member("GGUF", "x"))), FileKind::kTar);
  EXPECT_EQ(DescribeFileKind(FileKind::kTorchTar, {}).find("oad it"), std::string::npos) << "no advice to load it";
}

}  // namespace
}  // namespace harness
