// Files in which two readers may see two things, and those that only look so.
#include <fmt/format.h>

#include <functional>
#include <stdexcept>

#include "harness/archive/zip_archive.h"
#include "harness/testing/archive_writer.h"
#include "harness/testing/bytes.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"

namespace harness::checkpoint {
namespace {

using namespace testing_support;
using namespace std::string_literals;
using Entries = std::vector<ZipEntry>;

std::string Patched(std::string bytes, size_t at, std::string_view patch) {
  return bytes.replace(at, patch.size(), patch);
}

archive::ZipRecord Record(const std::string& zip, std::string_view name) {
  const auto archive = archive::ZipArchive::Open(Bytes(zip), "f");
  for (const archive::ZipRecord& record : (*archive)->records()) {
    if (record.name == name) return record;
  }
  throw std::runtime_error("no such record");
}

std::string Zip64Field(const std::vector<uint64_t>& values) {
  std::string field = Little<uint16_t>(1) + Little(static_cast<uint16_t>(8 * values.size()));
  for (const uint64_t value : values) field += Little(value);
  return field;
}

Entries With(const std::function<void(Entries&)>& change) {
  Entries entries = SmallExport();
  change(entries);
  return entries;
}

Entries WithEach(const std::function<void(ZipEntry&)>& change) {
  return With([&](Entries& entries) {
    for (ZipEntry& entry : entries) change(entry);
  });
}

// The archive, with `patch` at `at` of the local header of the first storage.
std::string LocalPatched(size_t at, std::string_view patch, const Entries& entries = SmallExport()) {
  const std::string zip = WriteZip(entries);
  return Patched(zip, Record(zip, "archive/data/0").header_offset + at, patch);
}

// With a ZIP64 end record, and the numbers in the short one too, as torch.save writes them.
std::string TorchEnd(const Entries& entries) {
  std::string zip = WriteZip(entries, "", true);
  const std::string plain = WriteZip(entries);
  return zip.replace(zip.size() - 14, 12, plain.substr(plain.size() - 14, 12));
}

struct GoodCase {
  const char* name;
  std::string bytes;
};
void PrintTo(const GoodCase& c, std::ostream* out) { *out << c.name; }

std::vector<GoodCase> GoodCases() {
  return {
      {"Torch", TorchEnd(SmallExport())},
      {"AllOnesInTheShortEnd", WriteZip(SmallExport(), "", true)},
      {"ShortEndRecord", WriteZip(SmallExport())},
      {"Comment", WriteZip(SmallExport(), "a comment, PK and all")},
      {"Deflated", WriteZip(WithEach([](ZipEntry& e) { e.deflate = true; }))},
      {"SizesInLocalHeaders", WriteZip(WithEach([](ZipEntry& e) { e.flags = 0; }))},
      {"Zip64Sizes", WriteZip(WithEach([](ZipEntry& e) { e.zip64 = true; }))},
      // PyTorch's own, of a record beyond 4 GiB; this one lies at 0.
      {"OffsetInLocalHeader", WriteZip(With([](Entries& e) { e[0].local_extra = Zip64Field({0}); }))},
      {"SizesAndOffsetInLocalHeader", WriteZip(With([](Entries& e) {
         e[0].local_extra = Zip64Field({e[0].data.size(), 0, 0});
       }))},
      {"NoChecksums", WriteZip(WithEach([](ZipEntry& e) { e.crc = 0; }))},
      {"FolderEntries", WriteZip(With([](Entries& e) {
         e.insert(e.begin(), {{.name = "archive/", .external_attributes = 0x41ed0010}, {.name = "archive/data/"}});
       }))},
      {"Readme", WriteZip(With([](Entries& e) { e.push_back({.name = "archive/README", .data = "of Monday"}); }))},
      {"NewerRecords", WriteZip(With([](Entries& e) {
         e.push_back({.name = "archive/.format_version", .data = "1"});
         e.push_back({.name = "archive/.storage_alignment", .data = "64"});
       }))},
  };
}

class GoodFileTest : public ::testing::TestWithParam<GoodCase> {};
TEST_P(GoodFileTest, IsUnambiguous) {
  const Checkpoint checkpoint = Open(GetParam().bytes);
  EXPECT_THAT(checkpoint.unambiguous_status(), Succeeds());
  EXPECT_THAT(checkpoint.structure_status(), Succeeds());
  EXPECT_THAT(checkpoint.tensor_status(), Succeeds());
}
INSTANTIATE_TEST_SUITE_P(Files, GoodFileTest, ::testing::ValuesIn(GoodCases()),
                         [](const auto& row) { return std::string(row.param.name); });

struct BadCase {
  const char* name;
  std::string bytes;
  Parts words;
};
void PrintTo(const BadCase& c, std::ostream* out) { *out << c.name; }

std::vector<BadCase> EndCases() {
  const std::string zip = WriteZip(SmallExport()), zip64 = TorchEnd(SmallExport());
  const size_t end = zip.size() - 22, end_of_64 = zip64.size() - 22, locator = end_of_64 - 20, end64 = locator - 56;
  const archive::ZipDirectory directory = archive::ReadZipDirectory(Bytes(zip), "").value();
  std::string gap = zip;
  gap.insert(end, "hidden");
  return {
      {"BytesBehind", zip + "x", {"announces a comment of 0 bytes, and 1 bytes follow"}},
      {"ZerosBehind", zip + std::string(512, '\0'), {"and 512 bytes follow"}},
      {"CommentTooLong", Patched(zip, end + 20, "\x09"s), {"announces a comment of 9 bytes, and 0 bytes follow"}},
      {"TwoEnds", zip + zip.substr(end), {"more than one end record"}},
      {"EndInTheComment", WriteZip(SmallExport(), zip.substr(end)), {"more than one end record"}},
      {"MarkAtTheVeryEnd", WriteZip(SmallExport(), "PK\x05\x06"), {"more than one end record"}},
      {"SplitArchive", Patched(zip, end + 4, "\x01"s), {"split archive: disk 1"}},
      {"DirectoryOnAnotherDisk", Patched(zip, end + 6, "\x01"s), {"split archive: disk 0, directory on disk 1"}},
      {"EntriesHere", Patched(zip, end + 8, "\x01"s), {"1 of 6 entries here"}},
      {"GapBeforeTheEnd", gap, {"does not end where its end records begin"}},
      {"LocatorToNowhere",
       Patched(zip64, locator + 8, Little(uint64_t{1})),
       {"locator at offset", "points to offset 1,"}},
      {"LocatorBeyond", Patched(zip64, locator + 8, Little(UINT64_MAX)), {"points to offset 18446744073709551615"}},
      {"LocatorOfManyDisks", Patched(zip64, locator + 16, "\x02"s), {"disk 0 of 2"}},
      {"LocatorOfAnotherDisk", Patched(zip64, locator + 4, "\x01"s), {"disk 1 of 1"}},
      {"LongerEnd64", Patched(zip64, end64 + 4, "\x2d"s), {"has 45 bytes (expected 44)"}},
      {"EntriesDisagree", Patched(zip64, end_of_64 + 10, "\x05\0"s), {"gives 5 entries, its ZIP64 end record 6"}},
      {"OffsetsDisagree", Patched(zip64, end_of_64 + 16, Little(uint32_t{7})), {"gives 7 as the directory's offset"}},
      {"EntryOnAnotherDisk", Patched(zip, directory.offset + 34, "\x01"s), {"data.pkl starts on disk 1"}},
  };
}

std::vector<BadCase> LayoutCases() {
  const std::string zip = WriteZip(SmallExport());
  const archive::ZipRecord storage = Record(zip, "archive/data/0");
  const Entries no_descriptor = WithEach([](ZipEntry& e) { e.flags = 0; });
  const auto listed = [](const std::string& bytes, std::string_view name) {  // its entry in the directory
    return bytes.find(name, archive::ReadZipDirectory(Bytes(bytes), "").value().offset) - 46;
  };
  const std::string zip64 = WriteZip(WithEach([](ZipEntry& e) { e.zip64 = true; }));
  const size_t entry64 = listed(zip64, "archive/data/0");
  return {
      {"Flags", LocalPatched(6, "\x09"s), {"has flags 0x0808 in the directory and 0x0809"}},
      {"Checksum", LocalPatched(14, "\x01"s, no_descriptor), {"CRC-32", "in its local header"}},
      {"ChecksumBesideDescriptor", LocalPatched(14, "\x01"s), {"and 00000001 in its local header"}},
      {"Zip64Announced", LocalPatched(18, Little(UINT32_MAX), no_descriptor), {"has 0 ZIP64 fields", "(expected 1)"}},
      {"Padding", LocalPatched(30 + 14 + 4 + 3, "!"), {"padding of record archive/data/0"}},
      {"ExtraTooLong", LocalPatched(30 + 14 + 2, "\xff"), {"extra fields of record archive/data/0", "do not add up"}},
      {"DescriptorSize", Patched(zip, storage.data_offset + storage.size + 8, "\x01"s), {"its data descriptor should"}},
      {"DescriptorChecksum",
       Patched(zip, storage.data_offset + storage.size + 4, "\x01\x02"s),
       {"its data descriptor"}},
      // 5 bytes of the payload and 16 of the descriptor are left, which begin with the checksum that the directory gives.
      {"DescriptorOfAnotherLength",
       WriteZip(With([](Entries& e) {
         e[2] = {.name = e[2].name, .data = e[2].data, .size = 19, .compressed_size = 19, .crc = 0xc0000040};
       })),
       {"its data descriptor", "21 bytes are there that say something else"}},
      {"GapBetweenRecords",
       WriteZip(With([](Entries& e) {
         e[2] = {.name = e[2].name, .data = std::string(40, 'x'), .flags = 0, .size = 24, .compressed_size = 24};
       })),
       {"16 bytes at offset", "behind record archive/data/0, belong to nothing"}},
      {"Zip64FieldTooLong",
       Patched(zip64, entry64 + 42, Little(static_cast<uint32_t>(Record(zip64, "archive/data/0").header_offset))),
       {"has 24 bytes, of which the entry calls for 16"}},
  };
}

std::vector<BadCase> NameCases() {
  const auto renamed = [](size_t index, const std::string& name, const std::string& data = "") {
    return WriteZip(With([&](Entries& e) {
      e[index].name = name;
      if (!data.empty()) e[index].data = data;
    }));
  };
  const auto added = [](const std::string& name, const std::string& data = "x", bool deflate = false) {
    return WriteZip(With([&](Entries& e) { e.push_back({.name = name, .data = data, .deflate = deflate}); }));
  };
  return {
      {"PickleByCase",
       added("archive/DATA.pkl"),
       {"archive/data.pkl and archive/DATA.pkl differ by upper and lower case"}},
      {"StorageByCase", added("archive/daTa/0"), {"archive/data/0 and archive/daTa/0 differ"}},
      {"FolderByCase", added("Archive/data.pkl"), {"differ by upper and lower case"}},
      {"OtherOffsetInLocalHeader",
       WriteZip(With([](Entries& e) { e[0].local_extra = Zip64Field({7}); })),
       {"the ZIP64 field of record archive/data.pkl in its local header"}},
      {"FolderWithContent", added("archive/folder/"), {"archive/folder/ is named as a folder and has 1 bytes"}},
      {"ByteorderInUpperCase", renamed(1, "archive/BYTEORDER", "big"), {"archive/BYTEORDER is spelled", "(byteorder)"}},
      {"VersionInUpperCase", added("archive/.DATA/version", "3\n"), {"archive/.DATA/version is spelled"}},
      {"TorchScriptInUpperCase", added("archive/Constants.pkl"), {"archive/Constants.pkl is spelled"}},
      {"StorageInUpperCase", added("archive/DATA/7"), {"archive/DATA/7 is spelled"}},
      {"VersionTwice", added("archive/.data/version", "3\n"), {"both records version and .data/version"}},
      {"Nul", added("archive/data.pkl\0old"s), {"holds a NUL"}},
      {"Backslash", added("archive/data\\0"), {"holds a backslash"}},
      {"Parent", added("archive/../x"), {"has an empty part, '.' or '..'"}},
      {"EmptyPart", added("archive//x"), {"has an empty part"}},
      {"FolderWithBytes", added("archive/x/", "x"), {"is a folder, and has 1 bytes"}},
      {"UnnamedStorage",
       added("archive/data/7"),
       {"archive/data/7 (1 bytes", "is a storage that the pickle does not name"}},
      {"LargeUnknown",
       added("archive/notes", std::string(70'000, 'x')),
       {"archive/notes (70000 bytes", "is none that"}},
      {"LargeUnknownDeflated", added("archive/notes", std::string(70'000, 'x'), true), {"archive/notes (70000 bytes"}},
      {"LargeSmallRecord",
       added("archive/.format_version", std::string(5000, '1')),
       {"has 5000 bytes, where torch.save"}},
      {"BehindThePickle",
       renamed(0, "archive/data.pkl", SmallExportPickle() + "xyz"),
       {"3 bytes stand behind the end"}},
  };
}

std::string Legacy(std::string_view system, std::string_view keys = "") {
  PickleWriter object;
  object.Legacy().Raw("}(").Str("a").Tensor("0", "FloatStorage", 1, {1}, {1}).Raw("u");
  return "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."s + std::string(system) +
         object.Stop() + (keys.empty() ? PickleWriter().Raw("](").Str("0").Raw("e").Stop() : std::string(keys)) +
         Little(int64_t{1}) + Little(1.0f);
}

std::vector<BadCase> LegacyCases() {
  const std::string system = PickleWriter().Raw("}(").Str("little_endian").Raw("\x88u").Stop();
  const std::string good = Legacy(system), zip = WriteZip(SmallExport());
  // The system information drops a text in which a tar header's fields stand.
  std::string text(600, ' ');
  std::string tar = Legacy(PickleWriter().Str(text).Raw("0}").Stop());
  tar.replace(148, 8, "        ");
  unsigned sum = 0;
  for (size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(tar[i]);
  tar.replace(148, 8, fmt::format("{:06o}\0 ", sum));
  PickleWriter dropped;
  for (int i = 0; i < 20; ++i) dropped.Str("hidden").Raw("0");
  return {
      {"LegacyBytesBehind", good + "x", {"1 bytes stand behind the last storage"}},
      {"LegacyAndZip", good + zip, {"it is a ZIP archive as well"}},
      {"LegacyAndTar", tar, {"it is a tar archive as well"}},
      {"LegacyDropsValues", Legacy(dropped.Raw("}").Stop()), {"the system information is pickled by way of"}},
  };
}

class BadFileTest : public ::testing::TestWithParam<BadCase> {};
TEST_P(BadFileTest, IsRefused) {
  Parts words = GetParam().words;
  words.push_back("state_dict.bin: two readers may see two files in it: ");
  const Checkpoint checkpoint = Open(GetParam().bytes);
  EXPECT_THAT(checkpoint.unambiguous_status(), FailsWith(ErrorCode::kUnsafe, words));
  EXPECT_THAT(checkpoint.unambiguous_status(), HasRemedy("Do not load it"));
}
INSTANTIATE_TEST_SUITE_P(Ends, BadFileTest, ::testing::ValuesIn(EndCases()),
                         [](const auto& row) { return std::string(row.param.name); });
INSTANTIATE_TEST_SUITE_P(Layout, BadFileTest, ::testing::ValuesIn(LayoutCases()),
                         [](const auto& row) { return std::string(row.param.name); });
INSTANTIATE_TEST_SUITE_P(Names, BadFileTest, ::testing::ValuesIn(NameCases()),
                         [](const auto& row) { return std::string(row.param.name); });
INSTANTIATE_TEST_SUITE_P(Legacy, BadFileTest, ::testing::ValuesIn(LegacyCases()),
                         [](const auto& row) { return std::string(row.param.name); });

// What torch reads is what is judged: the last end record's pickle, and the name in another case.
TEST(Unambiguous, SafetyIsThatOfWhatTorchReads) {
  const std::string unsafe = PickleWriter().Global("posix", "system").Raw("(").Str("true").Raw("tR").Stop();
  Entries entries = SmallExport();
  entries[0].data = unsafe;
  const Checkpoint renamed =
      Open(WriteZip(With([&](Entries& e) { e[0] = {.name = "archive/Data.Pkl", .data = unsafe}; })));
  EXPECT_THAT(renamed.safety_status(), FailsWith(ErrorCode::kUnsafe, Parts{"posix.system"}));
  EXPECT_THAT(renamed.unambiguous_status(), FailsWith(ErrorCode::kUnsafe, Parts{"Data.Pkl is spelled"}));
  std::string nowhere = TorchEnd(entries);
  nowhere.replace(nowhere.size() - 22 - 12, 8, Little(uint64_t{3}));
  const Checkpoint passed_over = Open(nowhere);
  EXPECT_THAT(passed_over.safety_status(), FailsWith(ErrorCode::kUnsafe, Parts{"posix.system"}));
  EXPECT_THAT(passed_over.unambiguous_status(), FailsWith(ErrorCode::kUnsafe, Parts{"ZIP64 locator"}));
}

TEST(Unambiguous, NothingIsHiddenBehindADeflateStream) {
  std::string stream("\x4b\x04\x00hidden", 9);  // "a", and six bytes more
  const std::string zip = WriteZip({{.name = "a/x", .data = stream, .method = 8, .size = 1}});
  auto archive = archive::ZipArchive::Open(Bytes(zip), "f");
  ASSERT_THAT(archive, Succeeds());
  EXPECT_THAT((*archive)->ReadOnce(0), FailsWith(ErrorCode::kCorrupt, Parts{"end after 3 of them"}));
}

TEST(Limits, NothingLargeIsInflated) {
  const std::string zeros(80 << 20, '\0');
  const Checkpoint pickle = Open(WriteZip(With([&](Entries& e) { e[0].data += zeros, e[0].deflate = true; })));
  EXPECT_THAT(pickle.structure_status(), FailsWith(ErrorCode::kCorrupt, "which would become"));
  EXPECT_THAT(pickle.structure_status(), HasRemedy("Do not load it"));
  const Checkpoint storage = Open(WriteZip(With([&](Entries& e) {
    e[0].data = PickleWriter().Raw("}(").Str("a").Tensor("0", "ByteStorage", zeros.size(), {1}, {1}).Raw("u").Stop();
    e[2] = {.name = "archive/data/0", .data = zeros, .deflate = true};
    std::erase_if(e, [](const ZipEntry& entry) { return entry.name == "archive/data/1"; });
  })));
  EXPECT_THAT(storage.unambiguous_status(), Succeeds());
  EXPECT_THAT(storage.storage_status(), FailsWith(ErrorCode::kCorrupt, Parts{"would become 83886080 bytes"}));
}

}  // namespace
}  // namespace harness::checkpoint
