#include "harness/audio/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "harness/audio/npy_header.h"
#include "harness/testing/matchers.h"
#include "harness/testing/temporary_folder.h"

namespace harness::audio {
namespace {

using namespace testing_support;
using testing::ElementsAre;

std::string Npy(const std::string& header, const std::string& values, int major = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(major);
  bytes += '\0';
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return bytes + header + values;
}

template <class T>
std::string Raw(std::vector<T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

const char kInt32By2x3[] = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }\n";

// What numpy.save(numpy.arange(6, dtype='<i4').reshape(2, 3)) of NumPy 1.26 writes.
TEST(Npy, WritesWhatNumPyWrites) {
  TemporaryFolder folder;
  ASSERT_TRUE(WriteNpy<int32_t>(folder / "a.npy", {{2, 3}, {0, 1, 2, 3, 4, 5}}).ok());
  std::string header(kInt32By2x3);
  header.insert(header.size() - 1, 128 - 10 - header.size(), ' ');
  EXPECT_EQ(GetFile(folder / "a.npy"), Npy(header, Raw<int32_t>({0, 1, 2, 3, 4, 5})));
  EXPECT_EQ(CountFiles(folder.path()), 1u);
}

TEST(Npy, RoundTripsEveryShape) {
  TemporaryFolder folder;
  const std::vector<NpyArray<float>> arrays = {{{}, {1.5f}},
                                               {{0}, {}},
                                               {{3}, {1, 2, 3}},
                                               {{2, 0, 5}, {}},
                                               {{1, 2, 2}, {1, std::numeric_limits<float>::infinity(), -0.f, 4}}};
  for (const NpyArray<float>& array : arrays) {
    SCOPED_TRACE(testing::PrintToString(array.shape));
    ASSERT_TRUE(WriteNpy(folder / "a.npy", array).ok());
    const auto read = ReadNpy<float>(folder / "a.npy");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->shape, array.shape);
    EXPECT_EQ(Raw(read->values), Raw(array.values));
    EXPECT_EQ((GetFile(folder / "a.npy").size() - array.values.size() * 4) % 64, 0u) << "aligned as NumPy does";
  }
}

TEST(Npy, ReadsInt64AndVersion2) {
  TemporaryFolder folder;
  PutFile(folder / "a.npy", Npy("{'shape': (2,), \"fortran_order\": False, 'descr': '<i8'}   \n",
                                Raw<int64_t>({-1, int64_t{1} << 40}), 2));
  const auto read = ReadNpy<int64_t>(folder / "a.npy");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_THAT(read->values, ElementsAre(-1, int64_t{1} << 40));
  EXPECT_THAT(read->shape, ElementsAre(2));
}

TEST(Npy, BadFilesSayWhatIsWrong) {
  const std::string six = Raw<int32_t>({0, 1, 2, 3, 4, 5});
  const auto shaped = [&](const std::string& shape) {
    return Npy("{'descr': '<i4', 'fortran_order': False, 'shape': " + shape + ", }\n", six);
  };
  const auto typed = [&](const std::string& descr) {
    return Npy("{'descr': " + descr + ", 'fortran_order': False, 'shape': (6,), }\n", six);
  };
  struct Case {
    const char* name;
    std::string bytes;
    ErrorCode code;
    const char* words;
  };
  const std::vector<Case> cases = {
      {"Empty", "", ErrorCode::kCorrupt, "not a .npy file"},
      {"Text", "version https://git-lfs.github.com/spec/v1", ErrorCode::kCorrupt, "not a .npy file"},
      {"Version3", Npy(kInt32By2x3, six, 3), ErrorCode::kUnsupported, "version 3.0"},
      {"HeaderLongerThanFile", Npy(kInt32By2x3, "").substr(0, 40), ErrorCode::kCorrupt, "header is said to have 60"},
      {"HeaderOf4Gib", std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12) + kInt32By2x3, ErrorCode::kCorrupt,
       "said to have 4294967295 bytes"},
      {"HeaderBeyondNumPysLimit", Npy(std::string(10001, ' '), ""), ErrorCode::kCorrupt, "10000 are the limit"},
      {"ValuesCut", Npy(kInt32By2x3, six.substr(0, 23)), ErrorCode::kCorrupt,
       "(2, 3) of int32 needs 24 bytes of values"},
      {"ValuesCutAtAnElement", Npy(kInt32By2x3, six.substr(0, 20)), ErrorCode::kCorrupt, "the file has 20"},
      {"BytesLeftOver", Npy(kInt32By2x3, six + "\n"), ErrorCode::kCorrupt, "the file has 25"},
      {"HugeShape", shaped("(4611686018427387904,)"), ErrorCode::kCorrupt, "more than 2^58"},
      {"LargeShape", shaped("(288230376151711744,)"), ErrorCode::kCorrupt, "needs 1152921504606846976 bytes"},
      {"ProductWrapsAround", shaped("(4294967296, 4294967296)"), ErrorCode::kCorrupt, "more than 2^58"},
      {"Negative", shaped("(-6,)"), ErrorCode::kCorrupt, "expected a length"},
      {"BeyondInt64", shaped("(99999999999999999999,)"), ErrorCode::kCorrupt, "expected a length"},
      {"NumberAsShape", shaped("(6)"), ErrorCode::kCorrupt, "a tuple as the shape"},
      {"NoComma", shaped("(2 3)"), ErrorCode::kCorrupt, "expected ','"},
      {"EmptyItem", shaped("(,)"), ErrorCode::kCorrupt, "expected a length"},
      {"BigEndian", typed("'>i4'"), ErrorCode::kUnsupported, "holds values of type '>i4'"},
      {"Double", typed("'<f8'"), ErrorCode::kUnsupported, "holds values of type '<f8'"},
      {"OtherType", typed("'<f4'"), ErrorCode::kMismatch, "holds values of type '<f4' (expected int32, '<i4')"},
      {"Objects", typed("'|O'"), ErrorCode::kUnsafe, "pickle"},
      {"Records", typed("[('a', '<i4')]"), ErrorCode::kUnsupported, "records"},
      {"Fortran", Npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }\n", six), ErrorCode::kUnsupported,
       "Fortran order"},
      {"OrderIsANumber", Npy("{'descr': '<i4', 'fortran_order': 0, 'shape': (2, 3), }\n", six), ErrorCode::kCorrupt,
       "expected True or False"},
      {"NoShape", Npy("{'descr': '<i4', 'fortran_order': False}\n", six), ErrorCode::kCorrupt, "'shape' is missing"},
      {"NoDescr", Npy("{}\n", six), ErrorCode::kCorrupt, "'descr' is missing"},
      {"TwoShapes", Npy("{'descr': '<i4', 'shape': (6,), 'shape': (6,), 'fortran_order': False}\n", six),
       ErrorCode::kCorrupt, "'shape' is there twice"},
      {"UnknownKey", Npy("{'descr': '<i4', 'fortran_order': False, 'shape': (6,), 'x': 1}\n", six), ErrorCode::kCorrupt,
       "'x' is unknown"},
      {"Unquoted", Npy("{descr: '<i4'}\n", six), ErrorCode::kCorrupt, "a quoted key"},
      {"OpenQuote", Npy("{'descr", six), ErrorCode::kCorrupt, "a quoted key"},
      {"MoreAfterTheDict", Npy(std::string(kInt32By2x3) + "x", six), ErrorCode::kCorrupt, "the end of the header"},
      {"Expression", Npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2*3,), }\n", six), ErrorCode::kCorrupt,
       "expected ','"},
  };
  TemporaryFolder folder;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    PutFile(folder / "bad.npy", c.bytes);
    const auto read = ReadNpy<int32_t>(folder / "bad.npy");
    EXPECT_THAT(read, FailsWith(c.code, c.words));
    EXPECT_THAT(read, FailsWith(c.code, "bad.npy: "));
  }
  EXPECT_THAT(ReadNpy<int32_t>(folder / "none.npy"), FailsWith(ErrorCode::kNotFound, "none.npy"));
  EXPECT_THAT(ReadNpy<int32_t>(folder.path()), FailsWith(ErrorCode::kIo, "not a regular file"));
}

TEST(Npy, EveryTruncationIsCorrupt) {
  TemporaryFolder folder;
  const std::string whole = Npy(kInt32By2x3, Raw<int32_t>({0, 1, 2, 3, 4, 5}));
  for (size_t size = 0; size < whole.size(); ++size) {
    PutFile(folder / "cut.npy", std::string_view(whole).substr(0, size));
    EXPECT_THAT(ReadNpy<int32_t>(folder / "cut.npy"), FailsWith(ErrorCode::kCorrupt, "cut.npy")) << size;
  }
}

TEST(Npy, RefusesToWriteAShapeThatDoesNotFit) {
  TemporaryFolder folder;
  EXPECT_THAT(WriteNpy<int32_t>(folder / "a.npy", {{2, 3}, {1}}), FailsWith(ErrorCode::kMismatch, "(2, 3)"));
  EXPECT_THAT(WriteNpy<int32_t>(folder / "a.npy", {{-1}, {1}}), FailsWith(ErrorCode::kMismatch, "(-1)"));
  EXPECT_EQ(CountFiles(folder.path()), 0u);
}

TEST(NpyHeader, FormatsAsItParses) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {7}, {1, 2, 3}}) {
    const auto parsed = ParseNpyHeader(FormatNpyHeader({"<f4", false, shape}));
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(parsed->shape, shape);
    EXPECT_EQ(parsed->descr, "<f4");
  }
}

}  // namespace
}  // namespace harness::audio
