#include "harness/archive/zip_archive.h"

#include "harness/testing/archive_writer.h"
#include "harness/testing/bytes.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"

namespace harness::archive {
namespace {

using namespace testing_support;
using Entries = std::vector<ZipEntry>;

std::string Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct GoodCase {
  const char* name;
  std::string bytes;
};
void PrintTo(const GoodCase& c, std::ostream* out) { *out << c.name; }

std::vector<GoodCase> GoodCases() {
  const std::string text(5000, 'x');
  const auto with = [&](auto change) {
    Entries entries = {{.name = "a/one", .data = text}, {.name = "a/two", .data = "two"}};
    for (ZipEntry& entry : entries) change(entry);
    return WriteZip(entries);
  };
  const auto same = [](ZipEntry&) {};
  return {
      {"Stored", with(same)},
      {"NoDescriptor", with([](ZipEntry& e) { e.flags = 0; })},
      {"DescriptorAndSizes", with([](ZipEntry& e) { e.local_size = static_cast<int64_t>(e.data.size()); })},
      {"Deflated", with([](ZipEntry& e) { e.deflate = true; })},
      {"DeflatedNoDescriptor", with([](ZipEntry& e) { e.deflate = true, e.flags = 0; })},
      {"Zip64Sizes", with([](ZipEntry& e) { e.zip64 = true; })},
      {"Zip64Local", with([](ZipEntry& e) { e.flags = 0, e.local_size = UINT32_MAX; })},
      {"Zip64End", WriteZip({{.name = "a/one", .data = text}, {.name = "a/two", .data = "two"}}, "", true)},
      {"Comment", WriteZip({{.name = "a/one", .data = text}, {.name = "a/two", .data = "two"}}, "made by hand PK")},
      {"BytesBehind", with(same) + std::string(100, '\0')},
      {"FolderEntries",
       WriteZip({{.name = "a/", .data = ""}, {.name = "a/one", .data = text}, {.name = "a/two", .data = "two"}})},
  };
}

class GoodZipTest : public ::testing::TestWithParam<GoodCase> {};

TEST_P(GoodZipTest, IsRead) {
  auto archive = ZipArchive::Open(Bytes(GetParam().bytes), "f");
  ASSERT_THAT(archive, Succeeds());
  EXPECT_THAT((*archive)->status(), Succeeds());
  ASSERT_TRUE((*archive)->Find("a/two"));
  EXPECT_FALSE((*archive)->Find("two"));
  const auto one = (*archive)->Read(*(*archive)->Find("a/one"));
  ASSERT_THAT(one, Succeeds());
  EXPECT_EQ(Text(*one), std::string(5000, 'x'));
  EXPECT_EQ((*archive)->Read(*(*archive)->Find("a/one"))->data(), one->data()) << "inflated once";
  EXPECT_EQ(Text(*(*archive)->Read(*(*archive)->Find("a/two"))), "two");
}
INSTANTIATE_TEST_SUITE_P(Archives, GoodZipTest, ::testing::ValuesIn(GoodCases()),
                         [](const auto& row) { return std::string(row.param.name); });

struct BadCase {
  const char* name;
  std::string bytes;
  ErrorCode code;
  Parts words;
};
void PrintTo(const BadCase& c, std::ostream* out) { *out << c.name; }

std::string OneBad(ZipEntry bad) {
  bad.name = "a/bad";
  if (bad.data.empty()) bad.data = std::string(200, 'x');
  return WriteZip({{.name = "a/good", .data = "good"}, bad, {.name = "a/last", .data = "last"}});
}

std::vector<BadCase> BadCases() {
  const auto corrupt = ErrorCode::kCorrupt;
  return {
      {"LocalName",
       OneBad({.local_name = "a/b"}),
       corrupt,
       {"record a/bad is called a/b in its local header at offset"}},
      {"LocalMethod", OneBad({.local_method = 8}), corrupt, {"a/bad has method 0 in the directory and 8 in its local"}},
      {"LocalSize", OneBad({.flags = 0, .local_size = 199}), corrupt, {"a/bad has 200 bytes", "199"}},
      {"LocalSizeZero", OneBad({.flags = 0, .local_size = 0}), corrupt, {"a/bad has 200 bytes"}},
      {"LocalSizeWithDescriptor", OneBad({.local_size = 7}), corrupt, {"a/bad has 200 bytes", "7"}},
      {"StoredSizes", OneBad({.size = 100}), corrupt, {"a/bad", "is stored, yet its sizes differ: 200 and 100"}},
      {"PastTheEnd", OneBad({.size = 5000, .compressed_size = 5000}), corrupt, {"a/bad", "should have 5000 bytes"}},
      {"HugeSize",
       OneBad({.zip64 = true, .size = INT64_MAX, .compressed_size = INT64_MAX}),
       corrupt,
       {"should have 9223372036854775807"}},
      {"Overlap", OneBad({.size = 250, .compressed_size = 250}), corrupt, {"a/bad", "a/last", "overlap"}},
      {"OffsetOutside", OneBad({.header_offset = 1 << 20}), corrupt, {"a/bad should start at offset 1048576, outside"}},
      {"OffsetHuge", OneBad({.zip64 = true, .header_offset = INT64_MAX}), corrupt, {"outside"}},
      {"OffsetInside", OneBad({.header_offset = 2}), corrupt, {"a/bad has no local header at offset 2"}},
      {"SameOffset", OneBad({.local_name = "a/bad", .header_offset = 0}), corrupt, {"a/bad is called a/good"}},
      {"Encrypted", OneBad({.flags = 0x0809}), corrupt, {"a/bad at offset", "is encrypted"}},
      {"StronglyEncrypted", OneBad({.flags = 0x0848}), corrupt, {"is encrypted"}},
      {"MaskedDirectory", OneBad({.flags = 0x2808}), corrupt, {"is encrypted"}},
      {"PatchData", OneBad({.flags = 0x0828}), corrupt, {"is patch data"}},
      {"Bzip2", OneBad({.method = 12}), corrupt, {"a/bad", "method 12"}},
      {"InflatesTooMuch",
       OneBad({.deflate = true, .size = 100'000'000}),
       corrupt,
       {"deflated bytes can't become 100000000 bytes"}},
      {"Twice",
       WriteZip({{.name = "a/x", .data = "1"}, {.name = "a/x", .data = "2"}}),
       corrupt,
       {"record a/x is in the directory twice"}},
      {"ControlCharacters",
       WriteZip({{.name = "a\n\x01", .data = "1", .method = 12}}),
       corrupt,
       {"record a\\n\\x01 at"}},
  };
}

class BadZipTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadZipTest, IsNamed) {
  auto archive = ZipArchive::Open(Bytes(GetParam().bytes), "f.bin");
  ASSERT_THAT(archive, Succeeds());
  Parts words = GetParam().words;
  words.push_back("f.bin: ");
  EXPECT_THAT((*archive)->status(), FailsWith(GetParam().code, words));
}
INSTANTIATE_TEST_SUITE_P(Archives, BadZipTest, ::testing::ValuesIn(BadCases()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ZipArchive, ManyProblemsAreCounted) {
  Entries entries;
  for (int i = 0; i < 20; ++i) entries.push_back({.name = "a/" + std::to_string(i), .data = "x", .method = 12});
  const std::string bytes = WriteZip(entries);
  auto archive = ZipArchive::Open(Bytes(bytes), "f");
  ASSERT_THAT(archive, Succeeds());
  EXPECT_THAT((*archive)->status(), FailsWith(ErrorCode::kCorrupt, Parts{"a/4", "and 15 more"}));
}

TEST(ZipArchive, DeflateStreamThatIsNone) {
  for (const auto& [data, words] : {std::pair<std::string, const char*>{"\xff\xff\xff", "not a valid deflate stream"},
                                    {std::string("\x03\0", 2), "do not inflate to the 100 bytes"}}) {
    const auto compressed = static_cast<int64_t>(data.size());
    const std::string bytes =
        WriteZip({{.name = "a/x", .data = data, .method = 8, .size = 100, .compressed_size = compressed}});
    auto archive = ZipArchive::Open(Bytes(bytes), "f");
    ASSERT_THAT(archive, Succeeds());
    ASSERT_THAT((*archive)->status(), Succeeds());
    EXPECT_THAT((*archive)->Read(0), FailsWith(ErrorCode::kCorrupt, Parts{"record a/x", words}));
  }
}

TEST(ZipArchive, DirectoriesThatLie) {
  const std::string good = WriteZip({{.name = "a/x", .data = "x"}}, "", true);
  const size_t end = good.size() - 22, end64 = end - 20 - 56;
  struct Lie {
    const char* name;
    size_t at;
    uint64_t value;
    const char* words;
  };
  for (const Lie& lie : {Lie{"entries", end64 + 32, UINT64_MAX, "should hold 18446744073709551615 entries"},
                         Lie{"one more entry", end64 + 32, 2, "should hold 2 entries"},
                         Lie{"size", end64 + 40, UINT64_MAX - 5, "bytes at offset"},
                         Lie{"offset", end64 + 48, UINT64_MAX, "at offset 18446744073709551615"}}) {
    std::string bytes = good;
    bytes.replace(lie.at, 8, Little(lie.value));
    EXPECT_THAT(ZipArchive::Open(Bytes(bytes), "f"), FailsWith(ErrorCode::kCorrupt, Parts{lie.words})) << lie.name;
  }
}

TEST(ZipArchive, EveryTruncationIsNoted) {
  const std::string bytes = WriteZip(SmallExport());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);  // a copy, so that reading past its end is seen
    EXPECT_THAT(ZipArchive::Open(Bytes(cut), "f"), FailsWith(ErrorCode::kCorrupt, Parts{"without its directory"}))
        << size;
  }
}

}  // namespace
}  // namespace harness::archive
