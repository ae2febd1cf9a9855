#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "harness/archive/zip_archive.h"
#include "harness/fuzz/fuzz_input.h"
#include "harness/fuzz/pickle_mutator.h"
#include "harness/fuzz/zip_model.h"
#include "harness/pickle/pickle_reader.h"
#include "harness/testing/archive_writer.h"
#include "harness/testing/bytes.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"

// libFuzzer's own mutation; here none.
size_t LLVMFuzzerMutate(uint8_t*, size_t size, size_t) { return size; }

namespace harness::fuzz {
namespace {

using namespace testing_support;

constexpr uint64_t kSeed = 15;
constexpr int kMutations = 1000;

std::string Archive(bool deflate, bool zip64, std::string_view comment = "") {
  std::vector<ZipEntry> entries = SmallExport();
  for (ZipEntry& entry : entries) {
    entry.deflate = deflate;
    entry.zip64 = zip64;
  }
  return WriteZip(entries, comment, zip64);
}

TEST(ZipModel, WritesWhatItParsed) {
  const std::string good = Archive(false, false, "a comment");
  Random random(kSeed);
  std::string noise = good;
  for (char& c : noise) c = static_cast<char>(random.OneIn(9) ? random.Below(256) : static_cast<unsigned char>(c));
  const std::string archives[] = {good,
                                  Archive(true, false),
                                  Archive(false, true),
                                  good + good,
                                  good.substr(0, good.size() - 30),
                                  good + WriteZip(SmallExport(), "PK\5\6"),
                                  noise,
                                  "",
                                  "PK\3\4",
                                  "PK\5\6 no more"};
  for (const std::string& archive : archives) EXPECT_EQ(ZipModel::Parse(archive).Write(), archive);
}

TEST(ZipModel, FindsTheBlocksOfAnArchive) {
  const ZipModel model = ZipModel::Parse(Archive(false, true));
  const size_t records = SmallExport().size();
  EXPECT_EQ(model.Indices(ZipBlock::Kind::kLocal).size(), records);
  EXPECT_EQ(model.Indices(ZipBlock::Kind::kCentral).size(), records);
  EXPECT_EQ(model.Indices(ZipBlock::Kind::kEnd64).size(), 1u);
  EXPECT_EQ(model.Indices(ZipBlock::Kind::kLocator).size(), 1u);
  EXPECT_EQ(model.Indices(ZipBlock::Kind::kEnd).size(), 1u);
  EXPECT_EQ(model.Indices(ZipBlock::Kind::kRaw).size(), 0u);
}

TEST(ZipModel, ComputesWhatFollowsFromAChange) {
  ZipModel model = ZipModel::Parse(Archive(false, false));
  model.SetContent(model.Indices(ZipBlock::Kind::kLocal).at(1), std::string(100, 'b'), true);
  model.Add("archive/more", "more bytes", false);
  const std::string file = model.Write();
  const auto archive = archive::ZipArchive::Open(Bytes(file), "changed.zip");
  ASSERT_THAT(archive, Succeeds());
  EXPECT_THAT((*archive)->status(), Succeeds());
  const auto more = (*archive)->Find("archive/more");
  ASSERT_TRUE(more.has_value());
  const auto bytes = (*archive)->Read(*more);
  ASSERT_THAT(bytes, Succeeds());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()), "more bytes");
  EXPECT_EQ((*archive)->Read(1)->size(), 100u);
}

// Lies of the input are not repaired by a change elsewhere.
TEST(ZipModel, KeepsALie) {
  std::string file = Archive(false, false);
  file[file.size() - 2] = 9;  // a comment of nine bytes, which are not there
  ZipModel model = ZipModel::Parse(file);
  model.blocks.front().extra.clear();
  EXPECT_TRUE(model.Write().ends_with(std::string("\x09\0", 2)));
}

TEST(MutateZip, MostlyStaysAnArchiveAndIsRarelyTheSame) {
  const std::string good = Archive(false, false);
  Random random(kSeed);
  int opened = 0, same = 0;
  for (int i = 0; i < kMutations; ++i) {
    const std::string mutated = MutateZip(good, random);
    opened += archive::ZipArchive::Open(Bytes(mutated), "mutated.zip").ok() ? 1 : 0;
    same += mutated == good ? 1 : 0;
  }
  EXPECT_GT(opened, kMutations / 2);
  EXPECT_LT(same, kMutations / 4);
}

TEST(MutateZip, TheSameSeedGivesTheSameBytes) {
  const std::string good = Archive(true, false);
  Random first(kSeed), second(kSeed);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(MutateZip(good, first), MutateZip(good, second));
}

TEST(CrossZips, TakesARecordFromTheSecond) {
  const std::string other = WriteZip({{.name = "other/record", .data = "its bytes"}});
  Random random(kSeed);
  const std::string crossed = CrossZips(Archive(false, false), other, random);
  const auto archive = archive::ZipArchive::Open(Bytes(crossed), "crossed.zip");
  ASSERT_THAT(archive, Succeeds());
  EXPECT_TRUE((*archive)->Find("other/record").has_value());
}

TEST(PickleModel, WritesWhatItParsed) {
  const std::string pickles[] = {SmallExportPickle(),
                                 SmallExportPickle() + "behind",
                                 "",
                                 "\xff",
                                 "X\xff\xff\xff\x7fshort",
                                 "cos\nsystem\n(V'a'\ntR.",
                                 "I1_0\nL5L\np0x1\n."};
  for (const std::string& pickle : pickles) EXPECT_EQ(PickleModel::Parse(pickle).Write(), pickle);
}

TEST(MutatePickle, LeavesMostAsRunsOfOpcodesAndManyReadable) {
  Random random(kSeed);
  int whole = 0, readable = 0, same = 0;
  for (int i = 0; i < kMutations; ++i) {
    const std::string mutated = MutatePickle(SmallExportPickle(), random);
    const PickleModel model = PickleModel::Parse(mutated);
    whole += !model.ops.empty() && model.ops.back().code == '.' ? 1 : 0;
    readable += pickle::ReadPickle(Bytes(mutated), "mutated.pkl").status.ok() ? 1 : 0;
    same += mutated == SmallExportPickle() ? 1 : 0;
  }
  EXPECT_GT(whole, kMutations / 2);
  EXPECT_GT(readable, kMutations / 8);
  EXPECT_LT(same, kMutations / 4);
}

TEST(Bundle, ComesBack) {
  const std::vector<std::string> files = {"first", "", std::string(300, 'c')};
  const std::string bundle = Bundle(files);
  EXPECT_THAT(Unbundle(bundle, 3), testing::ElementsAre("first", "", std::string(300, 'c')));
  EXPECT_EQ(Unbundle("\xff\xff\xff\xff rest", 2).front(), " rest");
  EXPECT_EQ(Unbundle("ab", 3).size(), 3u);
}

}  // namespace
}  // namespace harness::fuzz
