#include "harness/archive/tar_header.h"

#include <gtest/gtest.h>

#include "harness/testing/archive_writer.h"
#include "harness/testing/bytes.h"

namespace harness::archive {
namespace {

using namespace testing_support;
using namespace std::string_literals;

TEST(TarHeader, IsFoundAsPythonFindsIt) {
  EXPECT_TRUE(IsTarHeader(Bytes(TarHeader("storages", 0))));
  EXPECT_TRUE(IsTarHeader(Bytes(TarHeader("\x80\x02\x8a", 0))));
  EXPECT_TRUE(IsTarHeader(Bytes(TarHeader("\x80\x02\x8a", 0, true))));
  for (const char* checksum : {"{:o}", " {:o} ", "0o{:o}", "{:o} \n", "+{:o}", "{:03o}_0"}) {
    const bool shifted = std::string_view(checksum).ends_with("_0");  // another number
    EXPECT_EQ(IsTarHeader(Bytes(TarHeader("storages", 0, false, checksum))), !shifted) << checksum;
  }
  std::string header = TarHeader("storages", 0);
  header[0] = 'S';
  EXPECT_FALSE(IsTarHeader(Bytes(header)));
  EXPECT_FALSE(IsTarHeader(Bytes(header.substr(0, 511))));
  EXPECT_FALSE(IsTarHeader(Bytes(std::string(512, '\0'))));
}

TEST(TarHeader, Numbers) {
  EXPECT_EQ(ParseTarNumber("0000017\0"s), 15u);
  EXPECT_EQ(ParseTarNumber("1_7"), 15u);
  EXPECT_EQ(ParseTarNumber("\x80\0\0\x01\x02"s), 258u);
  EXPECT_EQ(ParseTarNumber("19"), std::nullopt);
  EXPECT_EQ(ParseTarNumber("\xff\xff"s), std::nullopt);
  EXPECT_EQ(ParseTarNumber("\x80\x01\0\0\0\0\0\0\0"s + std::string(3, '\0')), std::nullopt);
}

}  // namespace
}  // namespace harness::archive
