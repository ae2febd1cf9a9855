// Behind the place where the reader breaks off: what Python's unpickler would name there is named.
#include "harness/pickle/pickle_scan.h"

#include "harness/pickle/pickle_reader.h"
#include "harness/pickle/pickle_safety.h"
#include "harness/testing/bytes.h"
#include "harness/testing/matchers.h"

namespace harness::pickle {
namespace {

using namespace testing_support;
using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct BehindCase {
  const char* name;
  std::string pickle;  // breaks off
  std::vector<std::string> names;
};
void PrintTo(const BehindCase& c, std::ostream* out) { *out << c.name; }
class BehindTest : public ::testing::TestWithParam<BehindCase> {};

TEST_P(BehindTest, IsNamed) {
  const Reading reading = ReadPickle(Bytes(GetParam().pickle), "f");
  EXPECT_FALSE(reading.status.ok());
  EXPECT_EQ(reading.behind, GetParam().names);
  const Status safety = DescribeForeign(reading, "f");
  if (GetParam().names.empty()) {
    EXPECT_THAT(safety, Succeeds());
  } else {
    EXPECT_THAT(safety, FailsWith(ErrorCode::kUnsafe, Parts{"may run", GetParam().names[0]}));
  }
}

const std::string kCall = "cposix\nsystem\nX\x01\0\0\0x\x85R0N."s;

INSTANTIATE_TEST_SUITE_P(
    Breaks, BehindTest,
    ::testing::Values(BehindCase{"HexadecimalInt", "I0x10\n0" + kCall, {"posix.system"}},
                      BehindCase{"LongWithBlank", "L 10L\n0" + kCall, {"posix.system"}},
                      BehindCase{"MemoWithUnderscore", "Np1_0\n0" + kCall, {"posix.system"}},
                      BehindCase{"BuildOfNone", "NNb0" + kCall, {"posix.system"}},
                      BehindCase{"ItemOfAList", "](NeK\0Ns0"s + kCall, {"posix.system"}},
                      BehindCase{"AppendToBytes", "C\x01xKxa0" + kCall, {"posix.system"}},
                      BehindCase{"MemoFarAway", "Nr\0\0\0\x10\x30"s + kCall, {"posix.system"}},
                      BehindCase{"ArgumentsAreNoTuple", "ctorch\nSize\n]R0" + kCall, {"posix.system"}},
                      BehindCase{"ComputedName",
                                 "X\x02\0\0\0os]\x93\x30N."s,
                                 {"a name that is put together while the file is loaded"}},
                      BehindCase{"StackGlobal", "NNb\x8c\x05posix\x94\x8c\x06system\x94\x93\x30."s, {"posix.system"}},
                      BehindCase{"StackGlobalOfMemo",
                                 "\x8c\x02os\x94\x30NNb\x30h\0\x8c\x06system\x93\x30."s,
                                 {"a name that is put together while the file is loaded"}},
                      BehindCase{"Inst", "NNb0(iposix\nsystem\n.", {"posix.system"}},
                      BehindCase{"Extension", "NNb\x82\x01.", {"an extension code of copyreg"}},
                      BehindCase{"DottedName", "NNbctorch\nSize.x\n.", {"torch.Size.x"}},
                      BehindCase{"LineWithoutEnd", "NNbcposix\nsystem!", {"posix.system"}},
                      BehindCase{"NameMissing", "NNbcantigravity\n", {"antigravity."}},
                      BehindCase{"CutInsideAModule", "NNbccollect", {"collec."}},
                      BehindCase{"CutInsideAName", "NNbccollections\nOrderedDi", {"collections.OrderedD"}},
                      BehindCase{"EachOnce", "NNbcos\na\ncos\na\ncos\nb\n.", {"os.a", "os.b"}},
                      BehindCase{"BehindStop", "NNb." + kCall, {}}, BehindCase{"BehindNoOpcode", "N\xff" + kCall, {}},
                      BehindCase{"ListKnownNames", "NNb0ctorch\nSize\n)\x85R.", {}},
                      BehindCase{"DelicateName", "NNb0cnumpy\ndtype\n)R.", {"a call that can't be judged"}},
                      BehindCase{"DelicateNameBefore", "cnumpy\ndtype\nNNb0)R.", {"a call that can't be judged"}},
                      BehindCase{"DelicateNameUncalled", "I0x1\n0cnumpy\ndtype\n.", {}},
                      BehindCase{"Frame",
                                 "\x80\x04\x95\x03\0\0\0\0\0\0\0\x8c\x05hello."s,
                                 {"bytes that two readers frame differently"}},
                      BehindCase{"Cut", "NNbX\xff\xff\0\0short"s, {}}),
    [](const auto& row) { return std::string(row.param.name); });

// The legacy format is five pickles in a row, each of which has run before the next is read.
TEST(Behind, PicklesThatFollow) {
  const std::string pickles = "I0x3e9\n.N." + kCall;
  EXPECT_THAT(ReadPickle(Bytes(pickles), "f", PersistentIds::kLegacy, 1).behind, IsEmpty());
  EXPECT_THAT(ReadPickle(Bytes(pickles), "f", PersistentIds::kLegacy, 2).behind, ElementsAre("posix.system"));
}

// The most names that are kept, whatever a file holds.
TEST(Behind, NamesAreLimited) {
  std::string pickle = "NNb";
  for (int i = 0; i < 1000; ++i) pickle += "cevil\nf" + std::to_string(i) + "\n";
  EXPECT_EQ(ReadPickle(Bytes(pickle), "f").behind.size(), 100u);
}

// A reader that keeps too much breaks off, and what stands behind is named all the same.
TEST(Behind, TooManyValues) {
  std::string pickle = "(";
  for (int i = 0; i < (1 << 20) + 1; ++i) pickle += "]0";
  const Reading reading = ReadPickle(Bytes(pickle + kCall), "f");
  EXPECT_THAT(reading.status, FailsWith(ErrorCode::kCorrupt, Parts{"larger than that of any checkpoint"}));
  EXPECT_THAT(reading.behind, ElementsAre("posix.system"));
}

}  // namespace
}  // namespace harness::pickle
