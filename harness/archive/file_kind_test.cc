#include "harness/archive/file_kind.h"

#include <fmt/format.h>

#include "harness/testing/archive_writer.h"
#include "harness/testing/bytes.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"

namespace harness::archive {
namespace {

using namespace testing_support;

struct Case {
  const char* name;
  std::string bytes;
  FileKind kind;
  const char* words;  // in the description
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::vector<Case> Cases() {
  const std::string zip = WriteZip(SmallExport());
  std::string damaged = zip;
  damaged[zip.size() - 22 + 16] ^= 1;  // where the directory starts
  std::string lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:0123abcd\nsize 3364394304\n";
  return {
      {"TorchZip", zip, FileKind::kTorchZip, "PyTorch checkpoint (ZIP)"},
      {"TorchLegacy", "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", FileKind::kTorchLegacy,
       "legacy format"},
      {"TorchLegacyText", "L119547037146038801333356L\n.", FileKind::kTorchLegacy, "legacy format"},
      {"TorchTar", TarMember("storages", "x"), FileKind::kTorchTar, "from before PyTorch 0.1.10"},
      {"OtherTar", TarMember("state_dict.bin", "x"), FileKind::kTar, "is a tar archive"},
      {"TarLikeGguf", TarMember("GGUF", "x"), FileKind::kTar, "is a tar archive"},
      {"TorchScript", WriteZip({{.name = "m/data.pkl", .data = "."}, {.name = "m/constants.pkl", .data = "."}}),
       FileKind::kTorchScript, "torch.jit.save"},
      {"Npz", WriteZip({{.name = "a.npy", .data = "x"}}), FileKind::kOtherZip, "no data.pkl"},
      {"NoRecords", WriteZip({}), FileKind::kOtherZip, "no data.pkl"},
      {"HalfZip", zip.substr(0, zip.size() / 2), FileKind::kTruncatedZip, "interrupted download"},
      {"DamagedZip", damaged, FileKind::kDamagedZip, "directory is damaged: entry 1 of"},
      {"TwoBytesOfZip", "PK", FileKind::kTruncatedStart, "only 2 bytes of it"},
      {"SixBytesOfLegacy", "\x80\x02\x8a\x0a\x6c\xfc", FileKind::kTruncatedStart, "only 6 bytes of it"},
      {"Pickle", "\x80\x04}.", FileKind::kPlainPickle, "pickle.dump"},
      {"GitLfs", lfs, FileKind::kGitLfsPointer, "pointer to sha256:0123abcd (3364394304 bytes)"},
      {"Html", "\n  <!DOCTYPE html><html>Sign in", FileKind::kHtml, "starts with '<!doctype html><html>sign in'"},
      {"Xml", "<?xml version='1.0'?><Error><Code>AccessDenied", FileKind::kHtml, "accessdenied"},
      {"Json", "{\"error\": \"Repository not found\"}", FileKind::kJson, "Repository not found"},
      {"Safetensors", Little<uint64_t>(20).append("{\"a\":{}}            "), FileKind::kSafetensors, "safetensors"},
      {"Gguf", std::string("GGUF\x03\0\0\0", 8), FileKind::kGguf, "GGUF"},
      {"Onnx", "\x08\x08\x12\x07pytorch", FileKind::kOnnx, "ONNX"},
      {"Numpy", "\x93NUMPY\x01", FileKind::kNumpy, ".npy"},
      {"Hdf5", "\x89HDF\r\n\x1a\n", FileKind::kHdf5, "HDF5"},
      {"Wav", "RIFF....WAVE", FileKind::kAudio, "audio file"},
      {"ZipOfAnExport",
       WriteZip({{.name = "x/._state_dict.bin", .data = "x"}, {.name = "x/state_dict.bin", .data = "x"}}),
       FileKind::kOtherZip, "a ZIP archive with x/state_dict.bin in it"},
      {"Gzip", "\x1f\x8b\x08", FileKind::kCompressed, "compressed as a whole (gzip)"},
      {"SevenZip", "7z\xbc\xaf\x27\x1c", FileKind::kCompressed, "compressed as a whole (7z)"},
      {"AppleDouble", std::string("\0\5\26\7\0\2\0\0Mac OS X", 16), FileKind::kAppleDouble, "macOS"},
      {"LinkText", "../../blobs/5f2d9c1e", FileKind::kLinkText, "path of another file ('../../blobs/5f2d9c1e')"},
      {"LinkTextOfACache", "/home/me/hub/models--a--b/blobs/5f2d\n", FileKind::kLinkText, "symbolic link"},
      {"TextWithAPath", "see ../../blobs/5f2d9c1e", FileKind::kText, "plain text"},
      {"Empty", "", FileKind::kEmpty, "is empty"},
      {"Zeros", std::string(10'000, '\0'), FileKind::kZeros, "only zero bytes (10000"},
      {"ZerosThenNot", std::string(10'000, '\0').append("x"), FileKind::kUnknown, "00 00"},
      {"Text", "sample_rate: 32000\n", FileKind::kText, "plain text (it starts with 'sample_rate: 32000\\n')"},
      {"Binary", "\xde\xad\xbe\xef", FileKind::kUnknown, "de ad be ef"},
      {"ControlsAmongLetters", "ab\x01\x02", FileKind::kUnknown, "61 62 01 02"},
      {"BlanksOfAText", "a\tb\r\n\fc", FileKind::kText, "plain text"},
      {"OneByte", "P", FileKind::kText, "plain text"},
  };
}

class FileKindTest : public ::testing::TestWithParam<Case> {};

TEST_P(FileKindTest, IsRecognisedByItsBytes) {
  const FileKind kind = SniffFileKind(Bytes(GetParam().bytes));
  EXPECT_EQ(kind, GetParam().kind);
  const FileDescription description = DescribeFileKind(kind, Bytes(GetParam().bytes));
  EXPECT_THAT(description.what, ::testing::HasSubstr(GetParam().words));
  const bool is_checkpoint = kind == FileKind::kTorchZip || kind == FileKind::kTorchLegacy;
  EXPECT_EQ(description.remedy.empty(), is_checkpoint);
}

// What is not a checkpoint is refused with the same words.
TEST_P(FileKindTest, IsWhatTheCheckpointSays) {
  const checkpoint::Checkpoint checkpoint = Open(GetParam().bytes);
  switch (GetParam().kind) {
    case FileKind::kTorchZip: EXPECT_THAT(checkpoint.structure_status(), Succeeds()); break;
    case FileKind::kTorchLegacy:
    case FileKind::kDamagedZip:  // these are looked into
      EXPECT_FALSE(checkpoint.structure_status().ok());
      break;
    case FileKind::kTorchTar:
      EXPECT_THAT(checkpoint.structure_status(), FailsWith(ErrorCode::kUnsupported, Parts{GetParam().words}));
      break;
    default: {
      // A checkpoint may lie outside the export, so that nothing of what it holds is quoted.
      const FileDescription description =
          DescribeFileKind(GetParam().kind, Bytes(GetParam().bytes), "audiocraft.utils.export", false);
      EXPECT_THAT(checkpoint.structure_status(),
                  FailsWith(ErrorCode::kCorrupt, Parts{"state_dict.bin ", description.what}));
      EXPECT_THAT(checkpoint.structure_status(), HasRemedy(description.remedy));
      EXPECT_THAT(checkpoint.pickle_status(), FailsWith(ErrorCode::kCorrupt, Parts{description.what}));
      EXPECT_EQ(checkpoint.format(), checkpoint::Checkpoint::Format::kUnknown);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, FileKindTest, ::testing::ValuesIn(Cases()),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace harness::archive
