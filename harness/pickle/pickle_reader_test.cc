#include "harness/pickle/pickle_reader.h"

#include "harness/pickle/pickle_safety.h"
#include "harness/testing/bytes.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"

namespace harness::pickle {
namespace {

using namespace testing_support;
using namespace std::string_literals;

struct ValueCase {
  const char* name;
  std::string pickle;
  const char* described;  // of the root
};
void PrintTo(const ValueCase& c, std::ostream* out) { *out << c.name; }

class PickleValueTest : public ::testing::TestWithParam<ValueCase> {};

TEST_P(PickleValueTest, IsRead) {
  const Reading reading = ReadPickle(Bytes(GetParam().pickle), "f: data.pkl");
  ASSERT_THAT(reading.status, Succeeds());
  EXPECT_EQ(reading.pickle.Describe(reading.pickle.root), GetParam().described);
  EXPECT_EQ(reading.end, GetParam().pickle.size());
  EXPECT_THAT(DescribeForeign(reading, "f"), Succeeds());
}

// Cut anywhere, a pickle is an error: STOP is its last byte.
TEST_P(PickleValueTest, EveryTruncationIsNoted) {
  for (size_t size = 0; size < GetParam().pickle.size(); ++size) {
    const std::vector<char> cut(GetParam().pickle.begin(), GetParam().pickle.begin() + static_cast<ptrdiff_t>(size));
    const Reading reading = ReadPickle(Bytes({cut.data(), cut.size()}), "f: data.pkl");
    EXPECT_THAT(reading.status, FailsWith(ErrorCode::kCorrupt, Parts{"f: data.pkl, pickle offset "})) << size;
    EXPECT_EQ(reading.pickle.root, kNoNode);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Opcodes, PickleValueTest,
    ::testing::Values(
        // numbers and text
        ValueCase{"None", "N.", "None"}, ValueCase{"NewTrue", "\x88.", "True"}, ValueCase{"NewFalse", "\x89.", "False"},
        ValueCase{"IntTrue", "I01\n.", "True"}, ValueCase{"IntFalse", "I00\n.", "False"},
        ValueCase{"Int", "I-12\n.", "-12"}, ValueCase{"IntBig", "I123456789012345678901\n.", "123456789012345678901"},
        ValueCase{"Long", "L-5L\n.", "-5"}, ValueCase{"BinInt", "J\xfe\xff\xff\xff.", "-2"},
        ValueCase{"BinInt1", "K\xff.", "255"}, ValueCase{"BinInt2", "M\x01\x02.", "513"},
        ValueCase{"Long1Empty", "\x8a\0."s, "0"}, ValueCase{"Long1", "\x8a\x02\xff\xff.", "-1"},
        ValueCase{"Long1Sign", "\x8a\x02\xff\0."s, "255"},
        ValueCase{"Long1Big", "\x8a\x09\0\0\0\0\0\0\0\0\x01."s, "0x10000000000000000"},
        ValueCase{"Long1BigNegative", "\x8a\x09\0\0\0\0\0\0\0\0\xff."s, "-0x10000000000000000"},
        ValueCase{"Long4", "\x8b\x01\0\0\0\x07."s, "7"}, ValueCase{"Float", "F1.5e3\n.", "1500"},
        ValueCase{"FloatNan", "Fnan\n.", "nan"}, ValueCase{"BinFloat", "G\x3f\xf8\0\0\0\0\0\0."s, "1.5"},
        ValueCase{"String", "S'a\\x41\\n\\'\\101'\n.", "'aA\\n'A'"},
        ValueCase{"StringDouble", "S\"it's\"\n.", "'it's'"},
        ValueCase{"Unicode", "Va\\u00e9\xe9\\u005cq\n.", "'a\u00e9\u00e9\\q'"},
        ValueCase{"BinString", "T\x02\0\0\0hi."s, "'hi'"}, ValueCase{"ShortBinString", "U\x02hi.", "'hi'"},
        ValueCase{"BinUnicode", "X\x02\0\0\0\xc3\xa9."s, "'\u00e9'"},
        ValueCase{"ShortBinUnicode", "\x8c\x02hi.", "'hi'"},
        ValueCase{"BinUnicode8", "\x8d\x02\0\0\0\0\0\0\0hi."s, "'hi'"},
        ValueCase{"BinBytes", "B\x02\0\0\0hi."s, "b'hi'"}, ValueCase{"ShortBinBytes", "C\x01\xff.", "b'\\xff'"},
        ValueCase{"BinBytes8", "\x8e\x02\0\0\0\0\0\0\0hi."s, "b'hi'"},
        ValueCase{"ByteArray8", "\x96\x02\0\0\0\0\0\0\0hi."s, "b'hi'"},
        // containers
        ValueCase{"EmptyTuple", ").", "()"}, ValueCase{"Tuple", "(K\x01K\x02t.", "(1, 2)"},
        ValueCase{"Tuple1", "K\x01\x85.", "(1,)"}, ValueCase{"Tuple2", "K\x01K\x02\x86.", "(1, 2)"},
        ValueCase{"Tuple3", "K\x01K\x02K\x03\x87.", "(1, 2, 3)"}, ValueCase{"EmptyList", "].", "[]"},
        ValueCase{"List", "(K\x01l.", "[1]"},
        ValueCase{"Append",
                  "]K\x01"
                  "a.",
                  "[1]"},
        ValueCase{"Appends",
                  "](K\x01K\x02"
                  "e.",
                  "[1, 2]"},
        ValueCase{"EmptyDict", "}.", "{}"},
        ValueCase{"Dict",
                  "(K\x01K\x02"
                  "d.",
                  "{1: 2}"},
        ValueCase{"SetItem", "}K\x01K\x02s.", "{1: 2}"},
        ValueCase{"SetItems", "}(K\x01K\x02K\x03K\x04u.", "{1: 2, 3: 4}"},
        ValueCase{"EmptySet", "\x8f(K\x01\x90.", "{1}"}, ValueCase{"FrozenSet", "(K\x01\x91.", "{1}"},
        ValueCase{"Pop",
                  "K\x01K\x02"
                  "0.",
                  "1"},
        ValueCase{"PopTakesAMark", "K\x01(0.", "1"},
        ValueCase{"PopMark",
                  "K\x01(K\x02K\x03"
                  "1.",
                  "1"},
        ValueCase{"Dup",
                  "K\x01"
                  "2\x86.",
                  "(1, 1)"},
        // memo and frames
        ValueCase{"Put", "K\x01p0\n0g0\n.", "1"},
        ValueCase{"BinPut",
                  "K\x01q\0"
                  "0h\0."s,
                  "1"},
        ValueCase{"LongBinPut",
                  "K\x01r\0\0\0\0"
                  "0j\0\0\0\0."s,
                  "1"},
        ValueCase{"Memoize", "K\x01\x94K\x02\x94h\x01h\0\x87\x86."s, "(1, (2, 2, 1))"},
        ValueCase{"Frame", "\x80\x04\x95\x03\0\0\0\0\0\0\0K\x01."s, "1"}, ValueCase{"Cycle", "]q\0h\0a."s, "[...]"},
        ValueCase{"DictCycle", "}q\0K\x01h\0s."s, "{1: ...}"},
        // known names
        ValueCase{"OrderedDict", "ccollections\nOrderedDict\n)R.", "{}"},
        ValueCase{"OrderedDictState", "ccollections\nOrderedDict\n)R}b.", "{}"},
        ValueCase{"DefaultDict", "ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R.", "{}"},
        ValueCase{"Size", "ctorch\nSize\nK\x01K\x02\x86\x85R.", "(1, 2)"},
        ValueCase{"Device",
                  "ctorch\ndevice\nU\x03"
                  "cpu\x85R.",
                  "torch.device('cpu')"},
        ValueCase{"DtypeName", "ctorch\nfloat16\n.", "torch.float16"},
        ValueCase{"Encode", "c_codecs\nencode\nX\x02\0\0\0\xc3\xbfU\x06latin1\x86R."s, "b'\\xff'"},
        ValueCase{"SetOfList",
                  "c__builtin__\nset\n](K\x01"
                  "e\x85R.",
                  "{1}"},
        ValueCase{"Complex", "c__builtin__\ncomplex\nG\x3f\xf8\0\0\0\0\0\0G\x3f\xf8\0\0\0\0\0\0\x86R."s,
                  "builtins.complex(1.5, 1.5)"},
        ValueCase{"StackGlobal",
                  "\x8c\x05torch\x8c\x07"
                  "float32\x93.",
                  "torch.float32"},
        ValueCase{"NewObj", "cargparse\nNamespace\n)\x81}b.", "argparse.Namespace()"},
        ValueCase{"Reconstructor", "ccopy_reg\n_reconstructor\n(cargparse\nNamespace\nc__builtin__\nobject\nNtR.",
                  "argparse.Namespace()"}),
    [](const auto& row) { return std::string(row.param.name); });

struct ErrorCase {
  const char* name;
  std::string pickle;
  Parts words;
  ErrorCode code = ErrorCode::kCorrupt;
};
void PrintTo(const ErrorCase& c, std::ostream* out) { *out << c.name; }

class PickleErrorTest : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(PickleErrorTest, IsNamed) {
  const Reading reading = ReadPickle(Bytes(GetParam().pickle), "f: data.pkl");
  EXPECT_THAT(reading.status, FailsWith(GetParam().code, GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(
    Pickles, PickleErrorTest,
    ::testing::Values(
        ErrorCase{"NoOpcode", "N\xff.", {"pickle offset 1: byte 0xff is not an opcode"}},
        ErrorCase{"Protocol6", "\x80\x06N.", {"opcode PROTO", "protocol 6"}},
        ErrorCase{"ProtocolInside", "N0\x80\x02N.", {"offset 2, opcode PROTO: it stands inside the pickle"}},
        ErrorCase{"TwoValues", "NN.", {"opcode STOP: 2 values are left"}},
        ErrorCase{"EmptyStack", ".", {"opcode STOP: the stack is empty"}},
        ErrorCase{"StopBehindMark", "N(.", {"opcode STOP: there is nothing above the last MARK"}},
        ErrorCase{"NoMark", "Nt.", {"opcode TUPLE: there is no MARK"}},
        ErrorCase{"PopsThroughMark", "N(\x85.", {"opcode TUPLE1", "nothing above"}},
        ErrorCase{"PopEmpty", "0.", {"opcode POP: the stack is empty"}}, ErrorCase{"DupEmpty", "2.", {"opcode DUP"}},
        ErrorCase{"GetUnknown", "h\x07.", {"opcode BINGET: memo entry 7 was never put"}},
        ErrorCase{"LongGetUnknown", "j\xff\xff\xff\xff.", {"memo entry 4294967295"}},
        ErrorCase{"PutFarAway", "Nq\x01.", {"memo entry 1 is put at offset 1, where number 0 was due"}},
        ErrorCase{"PutTwice", "Nq\0Nq\0\x86."s, {"memo entry 0 is put at offset 4, where number 1 was due"}},
        ErrorCase{"PutBeyondAll", "Nr\0\0\x10\0."s, {"opcode LONG_BINPUT: memo entry 1048576 is put", "MemoryError"}},
        ErrorCase{"GetText", "Np-1\n.", {"opcode PUT: '-1' is not a memo index"}},
        ErrorCase{"PutNothing", "q\0."s, {"opcode BINPUT: the stack is empty"}},
        ErrorCase{"HugeText", "X\xff\xff\xff\xffhi.", {"opcode BINUNICODE: needs 4294967295 bytes, 3 are left"}},
        ErrorCase{"HugeText8", "\x8d\xff\xff\xff\xff\xff\xff\xff\xffhi.", {"needs 18446744073709551615 bytes"}},
        ErrorCase{"NegativeLength", "T\xff\xff\xff\xffhi.", {"opcode BINSTRING: a length of -1"}},
        ErrorCase{"NegativeLong4", "\x8b\xff\xff\xff\xffhi.", {"LONG4: a length of -1"}},
        ErrorCase{"HugeFrame", "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.", {"opcode FRAME: a frame of"}},
        ErrorCase{"NotUtf8", "X\x01\0\0\0\xff."s, {"text is not UTF-8: '\\xff'"}},
        ErrorCase{"NoNumber", "I1x\n.", {"'1x' is not an integer"}},
        ErrorCase{"EmptyInt", "I\n.", {"'' is not an integer"}},
        ErrorCase{"HexadecimalInt", "I0x10\n.", {"'0x10' is not an integer as writers write it"}},
        ErrorCase{"OctalInt", "I010\n.", {"'010' is not"}}, ErrorCase{"BlankLong", "L 10L\n.", {"' 10' is not"}},
        ErrorCase{"Underscore", "I1_0\n.", {"'1_0' is not"}}, ErrorCase{"PlusSign", "I+1\n.", {"'+1' is not"}},
        ErrorCase{"TooManyDigits", "L" + std::string(5000, '1') + "L\n.", {"is not an integer"}},
        ErrorCase{"MemoUnderscore", "Np1_0\n.", {"'1_0' is not a memo index"}},
        ErrorCase{"MemoZeros", "Np00\n.", {"'00' is not a memo index"}},
        ErrorCase{"FloatBeyondAll", "F1e400\n.", {"'1e400' is beyond"}},
        ErrorCase{"HexadecimalFloat", "F0x1p3\n.", {"'0x1p3' is not a number"}},
        ErrorCase{"FloatWithBlank", "F 1.5\n.", {"is not a number"}},
        ErrorCase{"NoFloat", "F1.5x\n.", {"'1.5x' is not a number"}}, ErrorCase{"Unquoted", "Shi\n.", {"not quoted"}},
        ErrorCase{"QuoteOnly", "S'\n.", {"not quoted"}}, ErrorCase{"BrokenEscape", "S'\\x4'\n.", {"broken escape"}},
        ErrorCase{"BrokenUnicode", "V\\u12\n.", {"broken escape"}},
        ErrorCase{"BackslashBeforeUnicode", "V\\\\u0041\n.", {"broken escape"}},
        ErrorCase{"BeyondUnicode", "V\\U00110000\n.", {"broken escape"}},
        ErrorCase{"LineWithoutEnd", "I12", {"its line does not end"}},
        ErrorCase{"OddItems", "}(K\x01u.", {"a key has no value"}},
        ErrorCase{"UnhashableKey", "}]Ns.", {"[] can't be a key"}},
        ErrorCase{"ItemsOfAList", "]NNs.", {"sets items of [], which is not a dict"}},
        ErrorCase{"AppendToDict", "}Na.", {"adds items to {}, which is not a list"}},
        ErrorCase{"AddToList", "](N\x90.", {"ADDITEMS", "not a set"}},
        ErrorCase{"BuildOfPlainDict", "}}b.", {"opcode BUILD: sets the state of {}"}},
        ErrorCase{"BuildOfInt", "K\x01}b.", {"sets the state of 1"}},
        ErrorCase{
            "NoArgumentsTuple", "ctorch\nSize\nNR.", {"the arguments of torch.Size are None, which is not a tuple"}},
        ErrorCase{"StackGlobalOfInts", "K\x01K\x02\x93.", {"the name is not text"}},
        ErrorCase{"ObjWithoutClass", "(o.", {"no class above the MARK"}},
        ErrorCase{"TextPersistentId", "P('storage', 1)\n.", {"opcode PERSID", "pickle_protocol=0"}},
        ErrorCase{"PersistentIdOfInt", "K\x01Q.", {"persistent id 1 is not a tuple"}},
        ErrorCase{"PersistentIdKind", "U\x01x\x85Q.", {"does not name a storage"}},
        ErrorCase{"PersistentIdShort", "U\x07storage\x85Q.", {"should have 5 members"}},
        ErrorCase{"NextBuffer", "\x97.", {"opcode NEXT_BUFFER", "buffer outside"}},
        ErrorCase{"ReadonlyBuffer", "N\x98.", {"READONLY_BUFFER"}},
        ErrorCase{
            "EncodeBeyondLatin1", "c_codecs\nencode\nX\x03\0\0\0\xe2\x82\xacU\x06latin1\x86R."s, {"beyond Latin-1"}},
        ErrorCase{"KeywordsNoDict", "cargparse\nNamespace\n)N\x92.", {"not a tuple and a dict"}},
        // Python's two unpicklers read these differently: one loses what is left of the frame.
        ErrorCase{"FrameEndsInText",
                  "\x80\x04\x95\x03\0\0\0\0\0\0\0\x8c\x05hello."s,
                  {"opcode SHORT_BINUNICODE: it goes beyond the end of its frame, at offset 14"}},
        ErrorCase{"FrameEndsInLine", "\x80\x04\x95\x03\0\0\0\0\0\0\0ctorch\nSize\n."s, {"end of its frame"}},
        ErrorCase{"FrameInFrame", "\x80\x04\x95\x0b\0\0\0\0\0\0\0\x95\x01\0\0\0\0\0\0\0N."s, {"inside another"}},
        ErrorCase{"FrameOfProtocol2", "\x80\x02\x95\x02\0\0\0\0\0\0\0N."s, {"frames are of protocol 4"}},
        // What a call was given stays as it was judged.
        ErrorCase{
            "StateChangedLater", "cargparse\nNamespace\n)\x81}q\0bh\0NNs0."s, {"changes {}, which a call was given"}},
        ErrorCase{"SetChangedLater", "c__builtin__\nset\n]\x85R(N\x90."s, {"changes {}, which a call was given"}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(PickleReader, DeepNestingIsCheapAndCutInMessages) {
  std::string pickle = "N";
  for (int i = 0; i < 200'000; ++i) pickle += "\x85";
  const Reading reading = ReadPickle(Bytes(pickle + "."), "f");
  ASSERT_THAT(reading.status, Succeeds());
  const std::string text = reading.pickle.Describe(reading.pickle.root, 20);
  EXPECT_EQ(text, "(((((((((((((((((...");
  // Objects that are called write nothing on the way down.
  std::string calls = "cevil\nf\n";
  for (int i = 0; i < 100'000; ++i) calls += ")R";
  const Reading called = ReadPickle(Bytes(calls + "."), "f");
  ASSERT_THAT(called.status, Succeeds());
  EXPECT_LE(called.pickle.Describe(called.pickle.root, 20).size(), 20u);
}

// A list that is copied again and again would take quadratic memory.
TEST(PickleReader, CopiesAreLimited) {
  std::string pickle = "](";
  for (int i = 0; i < 20'000; ++i) pickle += "N";
  pickle += "eq" + "\0"s + "0(";
  for (int i = 0; i < 2000; ++i) pickle += "c__builtin__\nset\nh"s + "\0"s + "\x85R";
  EXPECT_THAT(ReadPickle(Bytes(pickle + "t."), "f").status,
              FailsWith(ErrorCode::kCorrupt, Parts{"copied over and over"}));
}

TEST(PickleReader, FindTakesTheLastOne) {
  const std::string bytes = PickleWriter().Raw("}(").Str("k").Int(1).Str("k").Int(2).Raw("u").Stop();
  const Reading reading = ReadPickle(Bytes(bytes), "f");
  ASSERT_THAT(reading.status, Succeeds());
  EXPECT_EQ(reading.pickle.protocol, 2);
  EXPECT_EQ(reading.pickle[reading.pickle.Find(reading.pickle.root, "k")].integer, 2);
  EXPECT_EQ(reading.pickle.Find(reading.pickle.root, "none"), kNoNode);
  EXPECT_EQ(reading.pickle.Describe(kNoNode), "nothing");
}

TEST(PickleReader, TensorsAndParameters) {
  const std::string bytes = PickleWriter()
                                .Raw("(")
                                .Tensor("0", "HalfStorage", 6, {2, 3}, {3, 1})
                                .Global("torch._utils", "_rebuild_parameter")
                                .Raw("(")
                                .Tensor("0", "HalfStorage", 6, {3}, {1}, 3)
                                .Raw("\x88")
                                .Global("collections", "OrderedDict")
                                .Raw(")RtR")
                                .Global("torch._tensor", "_rebuild_from_type_v2")
                                .Raw("(")
                                .Global("torch._utils", "_rebuild_tensor_v2")
                                .Global("torch", "Tensor")
                                .Raw("(")
                                .Storage("1", "FloatStorage", 1)
                                .Int(0)
                                .Raw("))\x89")
                                .Global("collections", "OrderedDict")
                                .Raw(")RtNtR")
                                .Global("torch._utils", "_rebuild_tensor_v3")
                                .Raw("(")
                                .Storage("2", "UntypedStorage", 8)
                                .Int(0)
                                .Ints({2})
                                .Ints({1})
                                .Raw("\x89")
                                .Global("collections", "OrderedDict")
                                .Raw(")R")
                                .Global("torch", "float32")
                                .Raw("tR")
                                .Raw("t")
                                .Stop();
  const Reading reading = ReadPickle(Bytes(bytes), "f");
  ASSERT_THAT(reading.status, Succeeds());
  EXPECT_EQ(reading.pickle.Describe(reading.pickle.root), "(<tensor>, <tensor>, <tensor>, <tensor>)");
  ASSERT_EQ(reading.storages.size(), 3u) << "a key that comes twice is one storage";
  EXPECT_EQ(reading.storages[0].location, "cpu");
  ASSERT_EQ(reading.tensors.size(), 4u);
  EXPECT_EQ(reading.tensors[0].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(reading.tensors[1].offset, 3);
  EXPECT_EQ(reading.tensors[2].shape.size(), 0u);
  EXPECT_EQ(reading.tensors[3].dtype, Dtype::kFloat32);
}

}  // namespace
}  // namespace harness::pickle
