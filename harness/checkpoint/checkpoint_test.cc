#include "harness/checkpoint/checkpoint.h"

#include <cstring>

#include "harness/archive/zip_archive.h"
#include "harness/checkpoint/payload_layout.h"
#include "harness/testing/archive_writer.h"
#include "harness/testing/bytes.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"

namespace harness::checkpoint {
namespace {

using namespace testing_support;
using namespace std::string_literals;

void ExpectAllOk(const Checkpoint& checkpoint) {
  EXPECT_THAT(checkpoint.structure_status(), Succeeds());
  EXPECT_THAT(checkpoint.pickle_status(), Succeeds());
  EXPECT_THAT(checkpoint.safety_status(), Succeeds());
  EXPECT_THAT(checkpoint.storage_status(), Succeeds());
  EXPECT_THAT(checkpoint.tensor_status(), Succeeds());
}

float FirstFloat(const Checkpoint& checkpoint) {
  float value;
  std::memcpy(&value, checkpoint.storages().at(0).bytes.data(), sizeof value);
  return value;
}

TEST(Checkpoint, ReadsAnExport) {
  const Checkpoint checkpoint = Open(WriteZip(SmallExport()));
  ExpectAllOk(checkpoint);
  EXPECT_EQ(checkpoint.format(), Checkpoint::Format::kZip);
  ASSERT_EQ(checkpoint.storages().size(), 2u);
  EXPECT_EQ(checkpoint.storages()[0].record, "archive/data/0");
  EXPECT_EQ(checkpoint.storages()[0].file_offset % 64, 0u);
  EXPECT_EQ(FirstFloat(checkpoint), 1.0f);
  EXPECT_TRUE(checkpoint.tensors()[1].valid);
  EXPECT_EQ(checkpoint.tensors()[0].num_elements(), 6);
  EXPECT_TRUE(checkpoint.tensors()[0].is_contiguous());
}

TEST(Checkpoint, ReadsDeflatedRecordsNowOrLater) {
  std::vector<ZipEntry> entries = SmallExport();
  for (ZipEntry& entry : entries) entry.deflate = true;
  const Checkpoint now = Open(WriteZip(entries));
  ExpectAllOk(now);
  EXPECT_EQ(FirstFloat(now), 1.0f);
  const Checkpoint later = Open(WriteZip(entries), Checkpoint::Payload::kLater);
  ExpectAllOk(later);
  EXPECT_TRUE(later.storages()[0].available);
  EXPECT_TRUE(later.storages()[0].bytes.empty());
}

// torch.load gives uninitialised memory for such a record: found by comparison with PyTorchStreamReader.
TEST(Checkpoint, RecordThatIsMarkedAsAFolder) {
  std::string file = WriteZip(SmallExport());
  EXPECT_THAT(Open(file).unambiguous_status(), Succeeds());
  const size_t name = file.rfind("archive/data/0");  // in the directory, behind 46 bytes of its entry
  file[name - 46 + 38] = 0x10;
  EXPECT_THAT(Open(file).unambiguous_status(),
              FailsWith(ErrorCode::kUnsafe, Parts{"archive/data/0", "marked as a folder"}));
}

TEST(Checkpoint, DeflatedStorageThatDoesNotInflate) {
  std::vector<ZipEntry> entries = SmallExport();
  entries[2] = {.name = entries[2].name, .data = "\xff\xff\xff", .method = 8, .size = 24, .compressed_size = 3};
  const Checkpoint checkpoint = Open(WriteZip(entries));
  EXPECT_THAT(checkpoint.storage_status(),
              FailsWith(ErrorCode::kCorrupt, Parts{"record archive/data/0", "deflate stream"}));
  EXPECT_FALSE(checkpoint.tensors()[0].valid);
  EXPECT_TRUE(checkpoint.tensors()[1].valid);
}

struct ArchiveCase {
  const char* name;
  std::vector<ZipEntry> entries;
  ErrorCode code;
  Parts words;
};
void PrintTo(const ArchiveCase& c, std::ostream* out) { *out << c.name; }

std::vector<ArchiveCase> ArchiveCases() {
  const auto change = [](auto f) {
    std::vector<ZipEntry> entries = SmallExport();
    f(entries);
    return entries;
  };
  const auto rename = [&](const std::string& from, const std::string& to) {
    return change([&](auto& entries) {
      for (ZipEntry& entry : entries) entry.name.replace(0, from.size(), to);
    });
  };
  return {
      {"NoFolder", rename("archive/", ""), ErrorCode::kCorrupt, {"record data.pkl is not inside a folder"}},
      {"AddedBehind",
       change([](auto& e) { e.push_back({.name = "__MACOSX/._x", .data = "x"}); }),
       ErrorCode::kCorrupt,
       {"record __MACOSX/._x is not inside the folder archive/"}},
      {"AddedBefore",
       change([](auto& e) { e.insert(e.begin(), ZipEntry{.name = "README", .data = "x"}); }),
       ErrorCode::kCorrupt,
       {"record README is not inside a folder"}},
      {"NoVersion",
       change([](auto& e) { std::erase_if(e, [](const ZipEntry& x) { return x.name.ends_with("version"); }); }),
       ErrorCode::kCorrupt,
       {"no record archive/version"}},
      {"FutureVersion",
       change([](auto& e) { e[4].data = "99\n"; }),
       ErrorCode::kCorrupt,
       {"the archive has version 99"}},
      {"VersionIsNoNumber", change([](auto& e) { e[4].data = "x"; }), ErrorCode::kCorrupt, {"version is 'x'"}},
      {"BigEndian", change([](auto& e) { e[1].data = "big"; }), ErrorCode::kMismatch, {"byteorder is 'big'"}},
      {"MiddleEndian", change([](auto& e) { e[1].data = "middle"; }), ErrorCode::kCorrupt, {"byteorder is 'middle'"}},
      {"NoPickle", change([](auto& e) { e[0].name = "archive/x/data.pkl"; }), ErrorCode::kCorrupt, {"data.pkl"}},
  };
}

class ArchiveTest : public ::testing::TestWithParam<ArchiveCase> {};

TEST_P(ArchiveTest, StructureNamesIt) {
  Parts words = GetParam().words;
  words.push_back("state_dict.bin");
  EXPECT_THAT(Open(WriteZip(GetParam().entries)).structure_status(), FailsWith(GetParam().code, words));
}
INSTANTIATE_TEST_SUITE_P(Archives, ArchiveTest, ::testing::ValuesIn(ArchiveCases()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Checkpoint, RecordsOfNewerWriters) {
  std::vector<ZipEntry> entries = SmallExport();
  entries.insert(entries.begin() + 1, {{.name = "archive/.format_version", .data = "1"},
                                       {.name = "archive/.storage_alignment", .data = "64"}});
  std::erase_if(entries, [](const ZipEntry& e) { return e.name.ends_with("byteorder"); });
  ExpectAllOk(Open(WriteZip(entries, "a comment", true)));
}

TEST(Checkpoint, WrongStoragesAreNamedTogether) {
  std::vector<ZipEntry> entries = SmallExport();
  entries[2].data.resize(20);
  entries.erase(entries.begin() + 3);
  const Checkpoint checkpoint = Open(WriteZip(entries));
  EXPECT_THAT(checkpoint.structure_status(), Succeeds());
  EXPECT_THAT(
      checkpoint.storage_status(),
      FailsWith(ErrorCode::kCorrupt,
                Parts{"2 storages are wrong",
                      "archive/data/0 has the wrong size (found 20 bytes, expected 24, 6 x float32, from the pickle)",
                      "archive/data/1 is missing (expected 8 bytes, 4 x float16, from the pickle)"}));
  EXPECT_FALSE(checkpoint.storages()[0].available);
  EXPECT_TRUE(checkpoint.storages()[0].bytes.empty());
  EXPECT_FALSE(checkpoint.tensors()[0].valid);
  EXPECT_THAT(checkpoint.tensor_status(), Succeeds()) << "the storages' status has said it";
}

TEST(Checkpoint, StoragesThatDisagreeOrAreOfOtherKinds) {
  const auto read = [](const std::string& pickle) { return Open(WriteZip(TorchEntries(pickle, {{"0", "12345678"}}))); };
  EXPECT_THAT(read(PickleWriter()
                       .Raw("}(")
                       .Str("a")
                       .Tensor("0", "FloatStorage", 2, {2}, {1})
                       .Str("b")
                       .Tensor("0", "HalfStorage", 4, {4}, {1})
                       .Raw("u")
                       .Stop())
                  .storage_status(),
              FailsWith(ErrorCode::kCorrupt, Parts{"storage 0 is said to have 2 x float32 and 4 x float16"}));
  EXPECT_THAT(read(PickleWriter().Storage("0", "QInt8Storage", 8).Stop()).storage_status(),
              FailsWith(ErrorCode::kUnsupported, Parts{"quantized", "QInt8Storage"}));
  EXPECT_THAT(read(PickleWriter().Storage("0", "FloatStorage", -1).Stop()).storage_status(),
              FailsWith(ErrorCode::kCorrupt, Parts{"-1 elements"}));
  EXPECT_THAT(read(PickleWriter().Storage("0", "FloatStorage", INT64_MAX).Stop()).storage_status(),
              FailsWith(ErrorCode::kCorrupt, Parts{"9223372036854775807 elements"}));
  EXPECT_THAT(read(PickleWriter().Storage("0", "FloatStorage", (int64_t{1} << 62) + 2).Stop()).storage_status(),
              FailsWith(ErrorCode::kCorrupt, Parts{"archive/data/0"}));
}

struct BoundsCase {
  const char* name;
  std::vector<int64_t> shape, strides;
  int64_t offset;
  const char* why;  // "": fits a storage of 12
};
void PrintTo(const BoundsCase& c, std::ostream* out) { *out << c.name; }
class BoundsTest : public ::testing::TestWithParam<BoundsCase> {};

TEST_P(BoundsTest, AreChecked) {
  const BoundsCase& c = GetParam();
  const std::string pickle = PickleWriter()
                                 .Raw("}(")
                                 .Str("best_state")
                                 .Raw("}(")
                                 .Str("emb.0.weight")
                                 .Tensor("0", "FloatStorage", 12, c.shape, c.strides, c.offset)
                                 .Raw("uu")
                                 .Stop();
  const Checkpoint checkpoint = Open(WriteZip(TorchEntries(pickle, {{"0", std::string(48, 'x')}})));
  ASSERT_THAT(checkpoint.storage_status(), Succeeds());
  if (c.why[0] == '\0') {
    EXPECT_THAT(checkpoint.tensor_status(), Succeeds());
    EXPECT_TRUE(checkpoint.tensors().at(0).valid);
  } else {
    EXPECT_THAT(checkpoint.tensor_status(),
                FailsWith(ErrorCode::kCorrupt, Parts{"state_dict.bin: 1 tensor", "best_state → emb.0.weight", c.why}));
    for (const pickle::TensorView& view : checkpoint.tensors()) EXPECT_FALSE(view.valid);
  }
}
INSTANTIATE_TEST_SUITE_P(
    Tensors, BoundsTest,
    ::testing::Values(
        BoundsCase{"Whole", {3, 4}, {4, 1}, 0, ""}, BoundsCase{"Transposed", {4, 3}, {1, 4}, 0, ""},
        BoundsCase{"Scalar", {}, {}, 11, ""},
        BoundsCase{"ScalarBeyond", {}, {}, 12, "last element is number 12 of a storage that has 12"},
        BoundsCase{"Expanded", {1000, 12}, {0, 1}, 0, ""}, BoundsCase{"Empty", {0, 5}, {5, 1}, 12, ""},
        BoundsCase{"EmptyAnywhere", {0}, {1}, 1000, ""}, BoundsCase{"OneTooMany", {13}, {1}, 0, "number 12"},
        BoundsCase{"OffsetTooFar", {4}, {1}, 9, "number 12"}, BoundsCase{"StrideTooWide", {4}, {4}, 0, "number 12"},
        BoundsCase{"NegativeSize", {-1}, {1}, 0, "negative size"},
        BoundsCase{"NegativeStride", {2}, {-1}, 5, "strides are negative"},
        BoundsCase{"NegativeOffset", {2}, {1}, -1, "offset is -1"},
        BoundsCase{"OverflowOfReach", {INT64_MAX}, {INT64_MAX}, 0, "overflows"},
        BoundsCase{"OverflowOfSum", {2, 2}, {INT64_MAX, INT64_MAX}, 0, "overflows"},
        BoundsCase{"OverflowOfCount", {INT64_MAX, INT64_MAX}, {0, 0}, 0, "overflows"},
        BoundsCase{"OverlappingStrides", {6, 6}, {1, 1}, 0, "36 elements out of a storage that has 12"},
        BoundsCase{"RankMismatch", {2, 2}, {1}, 0, "2 dimensions, but 1 strides"},
        BoundsCase{"ManyDimensions", std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1), 0, "65 dimensions"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Checkpoint, EveryTruncationAndFlipEndsWell) {
  const std::string good = WriteZip(SmallExport());
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(Open(good.substr(0, size)).structure_status().ok()) << size;
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char flip : {'\x01', '\xff'}) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      const Checkpoint checkpoint = Open(bytes);
      for (const pickle::TensorView& view : checkpoint.tensors()) {
        EXPECT_TRUE(!view.valid || !checkpoint.storages()[view.storage].bytes.empty()) << at;
      }
    }
  }
}

// --- legacy

std::string Legacy(const std::string& object, const std::string& keys, const std::string& storages,
                   int protocol = 1001) {
  return "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + PickleWriter().Int(protocol).Stop() +
         PickleWriter().Raw("}").Str("little_endian").Raw("\x88s").Stop() + object + keys + storages;
}
std::string LegacyObject() {
  return PickleWriter().Legacy().Raw("}").Str("a").Tensor("77", "FloatStorage", 2, {2}, {1}).Raw("s").Stop();
}
std::string LegacyKeys() { return PickleWriter().Raw("]").Str("77").Raw("a").Stop(); }
std::string LegacyData(int64_t count = 2) { return Little(count) + Little(1.0f) + Little(2.0f); }

TEST(LegacyCheckpoint, IsRead) {
  const Checkpoint checkpoint = Open(Legacy(LegacyObject(), LegacyKeys(), LegacyData()));
  ExpectAllOk(checkpoint);
  EXPECT_EQ(checkpoint.format(), Checkpoint::Format::kLegacy);
  EXPECT_EQ(checkpoint.archive(), nullptr);
  EXPECT_EQ(FirstFloat(checkpoint), 1.0f);
  EXPECT_TRUE(checkpoint.tensors()[0].valid);
}

TEST(LegacyCheckpoint, WhatIsWrongIsNamed) {
  const auto structure = [](const std::string& bytes) { return Open(bytes).structure_status(); };
  EXPECT_THAT(structure(Legacy(LegacyObject(), LegacyKeys(), LegacyData(), 1000)),
              FailsWith(ErrorCode::kCorrupt, Parts{"has protocol version 1000 (expected 1001)"}));
  EXPECT_THAT(structure(Legacy(LegacyObject(), PickleWriter().Raw("]").Str("5").Raw("a").Stop(), LegacyData())),
              FailsWith(ErrorCode::kCorrupt, Parts{"lists storage '5'"}));
  EXPECT_THAT(structure(Legacy(LegacyObject(), PickleWriter().Raw("}").Stop(), LegacyData())),
              FailsWith(ErrorCode::kCorrupt, Parts{"is not a list"}));
  EXPECT_THAT(structure(Legacy(LegacyObject(), LegacyKeys(), LegacyData(-1))),
              FailsWith(ErrorCode::kCorrupt, Parts{"-1 elements"}));
  EXPECT_THAT(structure(Legacy(LegacyObject(), LegacyKeys(), LegacyData(INT64_MAX))),
              FailsWith(ErrorCode::kCorrupt, Parts{"9223372036854775807"}));
  EXPECT_THAT(structure(Legacy(LegacyObject(), LegacyKeys(), LegacyData(3))),
              FailsWith(ErrorCode::kCorrupt, Parts{"storage 77", "12 bytes are needed", "8 are left"}));
  const Checkpoint fewer = Open(Legacy(LegacyObject(), LegacyKeys(), LegacyData(1)));
  EXPECT_THAT(fewer.storage_status(),
              FailsWith(ErrorCode::kCorrupt, Parts{"storage 77 has the wrong size (found 4 bytes, expected 8"}));
  EXPECT_THAT(Open(Legacy("cevil\nf\n)R.", LegacyKeys(), "")).safety_status(),
              FailsWith(ErrorCode::kUnsafe, Parts{"the object", "evil.f()"}));
  EXPECT_THAT(Open(Legacy(LegacyObject(), "cevil\nf\n)R.", "")).safety_status(),
              FailsWith(ErrorCode::kUnsafe, Parts{"list of storages", "evil.f()"}));
}

TEST(LegacyCheckpoint, EveryTruncationIsNoted) {
  const std::string good = Legacy(LegacyObject(), LegacyKeys(), LegacyData());
  for (size_t size = 0; size < good.size(); ++size) {
    const Checkpoint checkpoint = Open(good.substr(0, size));
    EXPECT_FALSE(checkpoint.structure_status().ok() && checkpoint.pickle_status().ok()) << size;
  }
}

}  // namespace
}  // namespace harness::checkpoint
