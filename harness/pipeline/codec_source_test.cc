// References against what audiocraft's CompressionModel.get_pretrained made of them
// (scripts/oracle/referenced_codecs.py).
#include "harness/pipeline/codec_source.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>

#include "harness/export/follow_reference.h"
#include "harness/model/tensor_table.h"
#include "harness/testing/temporary_folder.h"

namespace harness::pipeline {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

exports::CodecPlaces Places() {
  const fs::path fixtures = HARNESS_FIXTURES_DIR;
  return {
      hub::HubCache(fixtures / "hub"), fixtures / "home" / ".cache" / "descript" / "dac", {HARNESS_PIPELINE_TESTDATA}};
}

struct Reference {
  const char* name;
  size_t source;  // index of its alternative in CodecSource
  const char* leads_to;
  double frame_rate_hz;
  int64_t codebooks, cardinality;
};

TEST(CodecSource, DecodesWhatReferencesLeadTo) {
  constexpr size_t kPackaged = 1, kHub = 2, kDac = 3;
  const std::vector<Reference> references = {
      {"facebook/encodec_32khz", kHub, "facebook/encodec_32khz", 50, 4, 512},
      {"facebook/encodec_24khz", kHub, "facebook/encodec_24khz", 75, 4, 512},
      {"dac_44khz", kDac, "dac_44khz", 44100.0 / 512, 4, 512},
      {"to_hub.bin", kHub, "facebook/encodec_32khz", 50, 4, 512},
      {"to_package.bin", kPackaged, "package/compression_state_dict.bin", 1000, 2, 16},
  };
  const checkpoint::Checkpoint goldens =
      checkpoint::Checkpoint::Read(MappedFile::Open(HARNESS_PIPELINE_TESTDATA "/referenced_codecs.bin").value());
  const pickle::Pickle& pickle = goldens.pickle();
  const c10::InferenceMode inference;
  for (const Reference& reference : references) {
    SCOPED_TRACE(reference.name);
    const auto codec = exports::FollowReference(reference.name, Places());
    ASSERT_TRUE(codec.ok()) << codec.error().message;
    EXPECT_EQ(codec->source.index(), reference.source);
    EXPECT_THAT(codec->name, testing::EndsWith(reference.leads_to));
    EXPECT_EQ(codec->facts.frame_rate_hz, reference.frame_rate_hz);
    EXPECT_EQ(codec->facts.codebooks, reference.codebooks);
    EXPECT_EQ(codec->facts.cardinality, reference.cardinality);

    const auto model = LoadReferencedCodec(*codec, codec->facts, at::kCPU);
    ASSERT_TRUE(model.ok()) << model.error().message;
    const auto golden = [&](const char* key) {
      const size_t tensor = pickle[pickle.Find(pickle.Find(pickle.root, reference.name), key)].tensor;
      return model::TensorTable::Bind(goldens, {{key, {}, "", ""}}, {tensor}).value()[key].contiguous();
    };
    const at::Tensor audio = (*model)->Decode(golden("codes")), expected = golden("audio");
    ASSERT_EQ(audio.sizes(), expected.sizes());
    const double error = (audio - expected).abs().max().item<double>();
    EXPECT_FALSE(std::isnan(error));
    EXPECT_LE(error, 1e-4);  // float32 on both sides, sums in another order
  }
}

TEST(CodecSource, KnowsThePropertiesOfWhatIsNotCached) {
  for (const char* reference : {"dac_24khz", "to_nothing.bin"}) {  // by way of a package: the same
    const auto codec = exports::FollowReference(reference, Places());
    ASSERT_TRUE(codec.ok()) << codec.error().message;
    const auto* uncached = std::get_if<exports::UncachedCodec>(&codec->source);
    ASSERT_NE(uncached, nullptr);
    EXPECT_EQ(codec->facts.codebooks, 32);
    EXPECT_EQ(codec->facts.Samples(3), 3 * 320 - 8);
    EXPECT_THAT(uncached->why.message, HasSubstr("weights_24khz_8kbps_0.0.4.pth"));
    EXPECT_EQ(uncached->why.remedy, "Run `python -m dac download --model_type 24khz`");
    const auto model = LoadReferencedCodec(*codec, codec->facts, at::kCPU);
    ASSERT_FALSE(model.ok());
    EXPECT_EQ(model.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(model.error().remedy, uncached->why.remedy);
  }
}

TEST(CodecSource, SaysWhatIsWrongWithAReference) {
  struct Bad {
    const char* reference;
    ErrorCode code;
    const char* words;
    const char* remedy = "";
  };
  const std::vector<Bad> bad = {
      {"to_itself.bin", ErrorCode::kMismatch, "the references lead in a circle: "},
      {"circle_a.bin", ErrorCode::kMismatch, "circle_a.bin is met again (RecursionError when it is loaded)"},
      {"facebook/encodec_32kz", ErrorCode::kMismatch, "did you mean 'facebook/encodec_32khz'?"},
      {"encodec_32khz", ErrorCode::kMismatch, "without the organisation that the hub has it under",
       "Export again with export_pretrained_compression_model('facebook/encodec_32khz')"},
      {"//sig/5f2d9c1e", ErrorCode::kMismatch, "the trainer's name of an experiment", "Export with export_encodec"},
      {"no/such/path", ErrorCode::kNotFound, "is the path 'no/such/path', which is not there"},
      {"someone/else", ErrorCode::kUnsupported, "neither in the hub cache nor known to this suite",
       "Fetch it with `hf download someone/else`"},
      {"debug_compression_model", ErrorCode::kMismatch, "its weights are random"},
      {"referenced_codecs.bin", ErrorCode::kMismatch, "referenced_codecs.bin does not hold a codec"},
      {".", ErrorCode::kMismatch, "compression_state_dict.bin"},
  };
  for (const Bad& row : bad) {
    SCOPED_TRACE(row.reference);
    const auto codec = exports::FollowReference(row.reference, Places());
    ASSERT_FALSE(codec.ok());
    EXPECT_EQ(codec.error().code, row.code) << codec.error().message;
    EXPECT_THAT(codec.error().message, HasSubstr(row.words));
    EXPECT_THAT(codec.error().remedy, HasSubstr(row.remedy));
  }
}

TEST(CodecSource, NamesWhatIsBrokenInTheHubCache) {
  const TemporaryFolder folder;
  const fs::path& hub = folder.path();
  fs::copy(fs::path(HARNESS_FIXTURES_DIR) / "hub" / "models--facebook--encodec_32khz",
           hub / "models--facebook--encodec_32khz", fs::copy_options::recursive);
  const fs::path snapshot = hub / "models--facebook--encodec_32khz" / "snapshots" / (std::string(39, '0') + "2");
  exports::CodecPlaces places = Places();
  places.hub = hub::HubCache(hub);
  const auto follow = [&] { return exports::FollowReference("facebook/encodec_32khz", places); };
  ASSERT_TRUE(follow().ok());

  const auto size = fs::file_size(snapshot / "model.safetensors");
  fs::resize_file(snapshot / "model.safetensors", size / 2);
  auto codec = follow();
  ASSERT_FALSE(codec.ok());
  EXPECT_EQ(codec.error().code, ErrorCode::kCorrupt) << codec.error().message;
  EXPECT_THAT(codec.error().message, HasSubstr("model.safetensors"));

  fs::remove(snapshot / "model.safetensors");
  codec = follow();
  ASSERT_TRUE(codec.ok()) << "it would be fetched: " << codec.error().message;
  EXPECT_TRUE(std::holds_alternative<exports::UncachedCodec>(codec->source));
  EXPECT_EQ(codec->facts.cardinality, 2048);
  EXPECT_THAT(codec->facts.possible_codebooks, ElementsAre(4));
}

}  // namespace
}  // namespace harness::pipeline
