#include "harness/checkpoint/weights_file.h"

#include <cstring>

#include "harness/checkpoint/safetensors.h"
#include "harness/testing/archive_writer.h"
#include "harness/testing/bytes.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"
#include "harness/testing/temporary_folder.h"

namespace harness::checkpoint {
namespace {

using namespace testing_support;

namespace fs = std::filesystem;

std::string Safe(std::string_view header, std::string_view payload) {
  return Little(static_cast<uint64_t>(header.size())) + std::string(header) + std::string(payload);
}

constexpr std::string_view kPt = R"("__metadata__":{"format":"pt"},)";
std::string TwoTensors(std::string_view metadata = kPt) {
  return Safe("{" + std::string(metadata) +
                  R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                  R"("a":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]}})",
              std::string(12, '\1'));
}

std::string OneTensorPickle(const std::string& name) {
  const std::string pickle =
      PickleWriter().Raw("}(").Str(name).Tensor("0", "FloatStorage", 4, {2, 2}, {1, 2}).Raw("u").Stop();
  return WriteZip(TorchEntries(pickle, {{"0", std::string(16, '\2')}}));
}

class WeightsFolder : public testing::Test {
 protected:
  void Put(const std::string& name, const std::string& bytes) { PutFile(folder_ / name, bytes); }
  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

// Each is refused by safetensors 0.8.0, too (tried with its deserialize).
struct BadHeader {
  const char* name;
  std::string header;
  size_t payload;
  Parts parts;
};
void PrintTo(const BadHeader& bad, std::ostream* out) { *out << bad.name; }

class BadSafetensors : public testing::TestWithParam<BadHeader> {};

TEST_P(BadSafetensors, IsNamed) {
  const std::string file = Safe(GetParam().header, std::string(GetParam().payload, 'x'));
  EXPECT_THAT(ReadSafetensors(Bytes(file), "model.safetensors"), FailsWith(ErrorCode::kCorrupt, GetParam().parts));
}

INSTANTIATE_TEST_SUITE_P(
    Headers, BadSafetensors,
    testing::Values(
        BadHeader{"NotJson", R"({"a":)", 0, {"model.safetensors: the header is not valid JSON"}},
        BadHeader{"NoObject", "[1]", 0, {"not a JSON object"}},
        BadHeader{"Deep", "{\"a\":" + std::string(5000, '[') + std::string(5000, ']') + "}", 0, {"levels deep"}},
        BadHeader{
            "Twice",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            2,
            {"key a twice"}},
        BadHeader{"NoDtype", R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1, {"tensor a has no dtype"}},
        BadHeader{"NegativeDimension", R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, {"natural"}},
        BadHeader{"Overflow",
                  R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})",
                  0,
                  {"more bytes than can be counted"}},
        BadHeader{"Backwards", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[2,1]}})", 2, {"before it begins"}},
        BadHeader{"BeyondTheFile", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7, {"cut off"}},
        BadHeader{"Disagrees",
                  R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
                  8,
                  {"shape [3] of float32, that is 12 bytes, and 8 in the file"}},
        BadHeader{
            "Hole",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
            3,
            {"tensor b begins at byte 2", "1 was expected"}},
        BadHeader{
            "Overlap",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
            3,
            {"tensor b begins at byte 1"}},
        BadHeader{"Trailing", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 2, {"2 bytes of payload"}},
        BadHeader{"MetadataOfNumbers", R"({"__metadata__":{"format":1}})", 0, {"__metadata__ format is not text"}}),
    [](const auto& row) { return row.param.name; });

TEST(Safetensors, NamesWhatItDoesNotRead) {
  const std::string file = Safe(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", "x");
  EXPECT_THAT(ReadSafetensors(Bytes(file), "m"), FailsWith(ErrorCode::kUnsupported, Parts{"F8_E4M3", "tensor a"}));
}

TEST(Safetensors, FailsAtEveryTruncation) {
  const std::string file = TwoTensors();
  for (size_t size = 0; size < file.size(); ++size) {
    const Result<Safetensors> read = ReadSafetensors(Bytes(std::string_view(file).substr(0, size)), "m");
    ASSERT_FALSE(read.ok()) << size;
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt) << size;
  }
}

TEST(Safetensors, RefusesAHeaderLongerThanTheFormatAllows) {
  const std::string file = Little(uint64_t{1} << 62) + "{}";
  EXPECT_THAT(ReadSafetensors(Bytes(file), "m"),
              FailsWith(ErrorCode::kCorrupt, Parts{"4611686018427387904", "100000000"}));
}

TEST_F(WeightsFolder, ReadsSafetensorsInFileOrder) {
  Put("model.safetensors", TwoTensors());
  Put("pytorch_model.bin", "not read: safetensors come first");
  const auto weights = WeightsFile::Find(folder_);
  ASSERT_THAT(weights, Succeeds());
  ASSERT_EQ(weights->weights().size(), 2U);
  EXPECT_EQ(weights->weights()[0].name, "b");
  const WeightView& a = weights->weights()[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.dtype, pickle::Dtype::kFloat16);
  EXPECT_EQ(a.shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(a.strides, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(a.bytes.size(), 4U);
}

TEST_F(WeightsFolder, ReadsAPickledStateDict) {
  Put("pytorch_model.bin", OneTensorPickle("shared.weight"));
  const auto weights = WeightsFile::Find(folder_);
  ASSERT_THAT(weights, Succeeds());
  ASSERT_EQ(weights->weights().size(), 1U);
  const WeightView& view = weights->weights()[0];
  EXPECT_EQ(view.name, "shared.weight");
  EXPECT_EQ(view.strides, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(view.bytes.size(), 16U);
}

TEST_F(WeightsFolder, ReadsShardsOfEitherFormat) {
  Put("model.safetensors.index.json",
      R"({"metadata":{},"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.bin"}})");
  Put("one.safetensors", TwoTensors());
  Put("two.bin", OneTensorPickle("c"));
  const auto weights = WeightsFile::Find(folder_);
  ASSERT_THAT(weights, Succeeds());
  ASSERT_EQ(weights->weights().size(), 3U);
  EXPECT_EQ(weights->weights()[2].name, "c");
}

TEST_F(WeightsFolder, NamesAShardThatIsMissing) {
  Put("pytorch_model.bin.index.json", R"({"metadata":{},"weight_map":{"a":"pytorch_model-00002-of-00002.bin"}})");
  EXPECT_THAT(WeightsFile::Find(folder_),
              FailsWith(ErrorCode::kNotFound, Parts{"pytorch_model-00002-of-00002.bin", "not complete"}));
}

TEST_F(WeightsFolder, KeepsShardsInsideTheFolder) {
  Put("model.safetensors.index.json", R"({"metadata":{},"weight_map":{"a":"../other/model.safetensors"}})");
  EXPECT_THAT(WeightsFile::Find(folder_), FailsWith(ErrorCode::kUnsupported, Parts{"../other", "not a plain name"}));
}

TEST_F(WeightsFolder, NamesAllThatItLookedFor) {
  EXPECT_THAT(WeightsFile::Find(folder_),
              FailsWith(ErrorCode::kNotFound, Parts{"model.safetensors", "pytorch_model.bin"}));
  fs::create_symlink(folder_ / "gone", folder_ / "model.safetensors");
  EXPECT_THAT(WeightsFile::Find(folder_), FailsWith(ErrorCode::kNotFound, Parts{"has no weights"}));
}

// from_pretrained: AttributeError without metadata, ValueError for another format.
TEST_F(WeightsFolder, WantsTheFormatThatFromPretrainedWants) {
  for (const char* metadata : {"", R"("__metadata__":{"format":"np"},)", R"("__metadata__":{},)"}) {
    Put("model.safetensors", TwoTensors(metadata));
    EXPECT_THAT(WeightsFile::Find(folder_), FailsWith(ErrorCode::kUnsupported, Parts{"\"format\": \"pt\""}))
        << metadata;
    EXPECT_THAT(WeightsFile::Read(folder_ / "model.safetensors"), Succeeds()) << metadata;
  }
}

struct BadPickle {
  const char* name;
  std::string bytes;
  ErrorCode code;
  Parts parts;
};

TEST_F(WeightsFolder, NamesWhatAPickleHoldsInstead) {
  const std::string nested = PickleWriter().Raw("}(").Str("state_dict").Raw("}").Raw("u").Stop();
  const std::string call = PickleWriter().Global("os", "system").Raw("(").Str("id").Raw("tR").Stop();
  const BadPickle cases[] = {
      {"nested", WriteZip(TorchEntries(nested, {})), ErrorCode::kMismatch, {"inside another one"}},
      {"list",
       WriteZip(TorchEntries(PickleWriter().Raw("]").Stop(), {})),
       ErrorCode::kMismatch,
       {"holds [], not a dict"}},
      {"call", WriteZip(TorchEntries(call, {})), ErrorCode::kUnsafe, {"os.system"}},
      {"pointer",
       "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
       ErrorCode::kCorrupt,
       {"Git LFS pointer"}},
      {"cut", OneTensorPickle("a").substr(0, 300), ErrorCode::kCorrupt, {"pytorch_model.bin"}},
  };
  for (const BadPickle& bad : cases) {
    SCOPED_TRACE(bad.name);
    Put("pytorch_model.bin", bad.bytes);
    EXPECT_THAT(WeightsFile::Find(folder_), FailsWith(bad.code, bad.parts));
  }
}

}  // namespace
}  // namespace harness::checkpoint
