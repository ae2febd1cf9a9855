// What would run, where torch.load does not read: behind STOP, in other records, in files that are no checkpoint.
#include "harness/checkpoint/record_safety.h"

#include "harness/archive/file_kind.h"
#include "harness/testing/archive_writer.h"
#include "harness/testing/bytes.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"

namespace harness::checkpoint {
namespace {

using namespace testing_support;
using namespace std::string_literals;

const std::string kCall = "cposix\nsystem\nX\x05\0\0\0touch\x85R."s;

std::vector<ZipEntry> With(const ZipEntry& entry) {
  std::vector<ZipEntry> entries = SmallExport();
  entries.push_back(entry);
  return entries;
}

struct RecordCase {
  const char* name;
  std::vector<ZipEntry> entries;
  Parts words;  // empty: nothing unsafe
};
void PrintTo(const RecordCase& c, std::ostream* out) { *out << c.name; }
class OtherRecordsTest : public ::testing::TestWithParam<RecordCase> {};

TEST_P(OtherRecordsTest, IsNamedWithItsRecord) {
  const Checkpoint checkpoint = Open(WriteZip(GetParam().entries));
  if (GetParam().words.empty()) {
    EXPECT_THAT(checkpoint.safety_status(), Succeeds());
  } else {
    EXPECT_THAT(checkpoint.safety_status(), FailsWith(ErrorCode::kUnsafe, GetParam().words));
  }
}

std::vector<RecordCase> RecordCases() {
  const std::string proto = "\x80\x02" + kCall;
  const Parts extra = {"state_dict.bin: record archive/extra", "calls posix.system('touch')"};
  std::vector<ZipEntry> twice = SmallExport();
  twice.insert(twice.begin(), {.name = "archive/data.pkl", .data = proto});
  return {
      {"NamedSo", With({.name = "archive/extra.pkl", .data = kCall}), extra},
      {"NamedSoAtLength", With({.name = "archive/extra.PICKLE", .data = kCall}), {"record archive/extra.PICKLE"}},
      {"StartsAsOne", With({.name = "archive/extra", .data = proto}), extra},
      {"Deflated", With({.name = "archive/extra", .data = proto, .deflate = true}), extra},
      {"AmongTheStorages", With({.name = "archive/data/77.pkl", .data = kCall}), {"record archive/data/77.pkl"}},
      {"OutsideTheFolder", With({.name = "other/extra.pkl", .data = kCall}), {"record other/extra.pkl"}},
      {"BehindItsStop",
       With({.name = "archive/extra.pkl", .data = "\x80\x02}." + proto}),
       {"record archive/extra.pkl, the second pickle behind"}},
      {"FirstOfTwo", twice, {"record archive/data.pkl: loading this file", "posix.system('touch')"}},
      {"HarmlessPickle", With({.name = "archive/extra.pkl", .data = "\x80\x02}."}), {}},
      {"Text", With({.name = "archive/NOTES", .data = "cposix\nsystem\n"}), {}},
      {"Empty", With({.name = "archive/extra.pkl", .data = ""}), {}},
  };
}
INSTANTIATE_TEST_SUITE_P(Records, OtherRecordsTest, ::testing::ValuesIn(RecordCases()),
                         [](const auto& row) { return std::string(row.param.name); });

// A storage's bytes are weights, whatever they look like.
TEST(OtherRecords, StoragesAreNotRead) {
  std::vector<ZipEntry> entries = SmallExport();
  const std::string proto = "\x80\x02" + kCall;
  entries[2].data.replace(0, proto.substr(0, 24).size(), proto.substr(0, 24));
  EXPECT_THAT(Open(WriteZip(entries)).safety_status(), Succeeds());
}

TEST(StrayPickles, OnlyCallsCount) {
  EXPECT_THAT(CheckStrayPickles(Bytes("\x80\x04" + kCall), "a.bin"),
              FailsWith(ErrorCode::kUnsafe, Parts{"a.bin: loading", "calls posix.system('touch') (offset 27)"}));
  // The magic number as text: torch.load goes on to the next pickle.
  EXPECT_THAT(CheckStrayPickles(Bytes("I119547037146038801333356\n." + kCall), "a.bin"),
              FailsWith(ErrorCode::kUnsafe, Parts{"calls posix.system('touch') (offset 52)"}));
  EXPECT_THAT(CheckStrayPickles(Bytes(kCall.substr(0, kCall.size() - 1)), "a.bin"),
              FailsWith(ErrorCode::kUnsafe, Parts{"posix.system"}));
  for (const std::string& text : {"compression\nmodel\n"s, "cposix\nsystem\n."s, "{}"s, ""s, "PK" + kCall}) {
    EXPECT_THAT(CheckStrayPickles(Bytes(text), "a.bin"), Succeeds()) << text;
  }
}

TEST(StrayPickles, EveryTarIsDangerous) {
  const std::string unsafe = "cposix\nsystem\n(S'true'\ntR.";
  for (const std::string& tar :
       {TarMember("storages", unsafe), TarMember("GGUF", "x") + TarMember("storages", unsafe)}) {
    EXPECT_THAT(CheckStrayPickles(Bytes(tar), "f"),
                FailsWith(ErrorCode::kUnsafe, Parts{"unpickles its members", "posix.system"}));
  }
  EXPECT_THAT(CheckStrayPickles(Bytes(TarMember("other", "x")), "f"),
              FailsWith(ErrorCode::kUnsafe, Parts{"unpickles its members"}));
  EXPECT_EQ(archive::DescribeFileKind(archive::FileKind::kTorchTar, {}).remedy.find("oad it"), std::string::npos)
      << "no advice to load it";
  EXPECT_THAT(CheckStrayPickles(Bytes(TarMember("other", "x")), "f"), HasRemedy("Do not load it"));
}

}  // namespace
}  // namespace harness::checkpoint
