#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/hub/hub_cache.h"
#include "harness/model/t5_text_encoder.h"
#include "harness/testing/temporary_folder.h"
#include "harness/text/t5_files.h"

namespace harness::model {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

const fs::path kTestdata = HARNESS_TEXT_TESTDATA;
const fs::path kHub = fs::path(HARNESS_FIXTURES_DIR) / "hub";

// The smallest float32 T5 here is compared to float32 of another BLAS and another softmax: a few units in the last
// place, over two blocks. A wrong bucket, mask or activation is off by more than 0.01.
constexpr double kTolerance = 1e-4;

class T5Golden : public testing::TestWithParam<const char*> {
 protected:
  T5Golden() {
    // The pickled one has no vocabulary of its own.
    fs::copy(kTestdata / "bin", folder_ / "bin");
    fs::copy(text::FindT5("t5-small", hub::HubCache(kHub), 512, folder_).value().folder / "spiece.model",
             folder_ / "bin" / "spiece.model");
  }
  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

// scripts/oracle/t5_cases.py asked the real T5Tokenizer and T5EncoderModel.
TEST_P(T5Golden, GivesTheStatesOfTheRealOne) {
  std::ifstream file(kTestdata / "states.json");
  const json models = json::parse(file);
  const auto row =
      std::find_if(models.begin(), models.end(), [](const json& model) { return model["name"] == GetParam(); });
  ASSERT_NE(row, models.end());
  const auto files = text::FindT5(GetParam(), hub::HubCache(kHub), 0, folder_);
  ASSERT_TRUE(files.ok()) << files.error().message;
  const auto encoder = T5TextEncoder::FromFolder(files->folder, files->spec, at::kCPU);
  ASSERT_TRUE(encoder.ok()) << encoder.error().message;
  double worst = 0;
  for (const json& batch : (*row)["batches"]) {
    const auto texts = batch["texts"].get<std::vector<std::string>>();
    SCOPED_TRACE(texts[0]);
    const auto embedding = (*encoder)->Encode(texts);
    ASSERT_TRUE(embedding.ok()) << embedding.error().message;
    const auto rows = static_cast<int64_t>(texts.size()), length = static_cast<int64_t>(batch["mask"][0].size());
    ASSERT_EQ(embedding->states.dim(), 3);
    ASSERT_EQ(embedding->states.size(0), rows);
    ASSERT_EQ(embedding->states.size(1), length);
    EXPECT_EQ(embedding->states.scalar_type(), at::kFloat);
    const auto columns = at::tensor(batch["columns"].get<std::vector<int64_t>>());
    const at::Tensor values = embedding->states.index_select(2, columns).contiguous();
    const at::Tensor norms = embedding->states.norm(2, -1);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t t = 0; t < length; ++t) {
        EXPECT_EQ(embedding->mask[i][t].item<int64_t>(), batch["mask"][i][t].get<int64_t>()) << i << ", " << t;
        const double norm = batch["norms"][i][t];
        worst = std::max(worst, std::abs(norms[i][t].item<double>() - norm) / norm);
        for (int64_t c = 0; c < columns.size(0); ++c) {
          const double difference = values[i][t][c].item<double>() - batch["values"][i][t][c].get<double>();
          ASSERT_FALSE(std::isnan(difference));
          worst = std::max(worst, std::abs(difference));
        }
      }
    }
  }
  RecordProperty("measured", fmt::format("{:.3g}", worst));
  EXPECT_LE(worst, kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Models, T5Golden, testing::Values("t5-small", "google/flan-t5-small", "bin"),
                         [](const auto& row) {
                           const std::string name = row.param;
                           return name == "t5-small" ? "Relu" : name == "bin" ? "GatedSiluPickled" : "GatedGelu";
                         });

TEST(T5TextEncoder, ReadsAFinetunedOneFromTheExport) {
  const auto files = text::FindT5("t5-small", hub::HubCache(kHub), 512, "/");
  ASSERT_TRUE(files.ok()) << files.error().message;
  const auto weights = checkpoint::WeightsFile::Find(files->folder);
  ASSERT_TRUE(weights.ok()) << weights.error().message;
  // The same weights under an export's names.
  const std::string prefix = "condition_provider.conditioners.description.t5.";
  std::vector<architecture::TensorSpec> specs = architecture::ListT5StateTensors(files->spec, prefix);
  for (architecture::TensorSpec& spec : specs) {
    std::string name = spec.name.substr(prefix.size());
    spec.aliases = {name == "encoder.embed_tokens.weight" ? "shared.weight" : name};
  }
  const auto table = TensorTable::Bind(*weights, specs);
  ASSERT_TRUE(table.ok()) << table.error().message;
  const auto own = T5TextEncoder::FromFolder(files->folder, files->spec, at::kCPU);
  const auto finetuned = T5TextEncoder::FromExport(files->folder, files->spec, *table, prefix, at::kCPU);
  ASSERT_TRUE(own.ok()) << own.error().message;
  ASSERT_TRUE(finetuned.ok()) << finetuned.error().message;
  EXPECT_TRUE(at::equal((*own)->Encode({"jazz trio"})->states, (*finetuned)->Encode({"jazz trio"})->states));
}

TEST(T5Encoder, NamesATokenBeyondTheVocabulary) {
  auto files = text::FindT5("t5-small", hub::HubCache(kHub), 512, "/").value();
  const checkpoint::WeightsFile weights = checkpoint::WeightsFile::Find(files.folder).value();
  const TensorTable table = TensorTable::Bind(weights, architecture::ListT5CheckpointTensors(files.spec)).value();
  const T5Encoder encoder = T5Encoder::Build(files.spec, table, "", at::kCPU);
  const at::Tensor ids = at::tensor({int64_t{5}, int64_t{192}}).view({1, 2});
  const auto beyond = encoder.Forward(ids, at::ones_like(ids));
  ASSERT_FALSE(beyond.ok());
  EXPECT_EQ(beyond.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(beyond.error().message, HasSubstr("token 192 is beyond the vocab_size of 192"));
  const at::Tensor longer = at::zeros({1, T5Encoder::kMaxTokens + 1}, at::kLong);
  const auto refused = encoder.Forward(longer, at::ones_like(longer));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("2049 tokens"));
}

TEST(TensorTable, NamesWeightsThatDisagreeWithTheirConfig) {
  auto files = text::FindT5("t5-small", hub::HubCache(kHub), 512, "/").value();
  files.spec.d_ff = 32;
  files.spec.num_layers = 3;
  const auto encoder = T5TextEncoder::FromFolder(files.folder, files.spec, at::kCPU);
  ASSERT_FALSE(encoder.ok());
  EXPECT_EQ(encoder.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(encoder.error().message, testing::AllOf(HasSubstr("model.safetensors"), HasSubstr("encoder.block.2."),
                                                      HasSubstr("DenseReluDense.wi.weight")));
}

}  // namespace
}  // namespace harness::model
