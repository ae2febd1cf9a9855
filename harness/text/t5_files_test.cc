#include "harness/text/t5_files.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "harness/testing/temporary_folder.h"

namespace harness::text {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kRevision = "0000000000000000000000000000000000000001";

class T5Hub : public testing::Test {
 protected:
  T5Hub() {
    fs::create_directories(work_);
    fs::create_directories(folder_ / "hub");
    fs::copy(fs::path(HARNESS_FIXTURES_DIR) / "hub/models--t5-small", folder_ / "hub/models--t5-small",
             fs::copy_options::recursive);
    snapshot_ = folder_ / "hub/models--t5-small/snapshots" / kRevision;
  }
  void Replace(const std::string& from, const std::string& to) {
    std::ifstream file(snapshot_ / "config.json");
    std::string text{std::istreambuf_iterator<char>(file), {}};
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    std::ofstream(snapshot_ / "config.json") << text.replace(at, from.size(), to);
  }
  Status Check(const std::string& name = "t5-small") const { return CheckT5(name, hub_, 512, work_); }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
  const hub::HubCache hub_{folder_ / "hub"};
  const fs::path work_ = folder_ / "work";
  fs::path snapshot_;
};

TEST_F(T5Hub, IsWhole) {
  const Status status = Check();
  EXPECT_TRUE(status.ok()) << status.error().message;
  const auto files = FindT5("t5-small", hub_, 512, work_);
  ASSERT_TRUE(files.ok()) << files.error().message;
  EXPECT_EQ(files->folder, snapshot_);
  EXPECT_FALSE(files->in_working_directory);
  EXPECT_EQ(files->spec.num_layers, 2);
}

TEST_F(T5Hub, SaysHowToFetchWhatIsNotThere) {
  const Status status = Check("t5-base");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(status.error().message,
              AllOf(HasSubstr("models--t5-base/refs/main"), HasSubstr("no folder t5-base in the working directory")));
  EXPECT_THAT(status.error().remedy, HasSubstr("`hf download t5-base`"));
}

TEST_F(T5Hub, NamesEveryFileThatIsMissing) {
  fs::remove(snapshot_ / "spiece.model");
  fs::remove(snapshot_ / "model.safetensors");
  fs::create_symlink("../../blobs/gone", snapshot_ / "model.safetensors");
  const Status status = Check();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(status.error().message, AllOf(HasSubstr("no spiece.model"), HasSubstr("no weights (model.safetensors")));
  EXPECT_THAT(status.error().remedy, HasSubstr("hf download t5-small"));
}

TEST_F(T5Hub, LosesToAFolderOfItsNameEvenWhereThatIsNotWhole) {
  fs::create_directories(work_ / "t5-small");
  Status status = Check();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(status.error().message, HasSubstr("no config.json"));
  EXPECT_THAT(status.error().remedy, AllOf(HasSubstr("wins over the hub cache"), HasSubstr("rename it")));
  fs::copy(snapshot_, work_ / "t5-small");
  status = Check();
  EXPECT_TRUE(status.ok()) << status.error().message;
  const auto files = FindT5("t5-small", hub_, 512, work_);
  EXPECT_TRUE(files.ok() && files->in_working_directory);
}

TEST_F(T5Hub, LosesToAFileOfItsName) {
  std::ofstream(work_ / "t5-small") << "notes";
  const Status status = Check();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kMismatch);
  EXPECT_THAT(status.error().message, HasSubstr("has the name of the model t5-small"));
}

struct ConfigCase {
  const char* name;
  const char* from;
  const char* to;
  const char* part;
};

TEST_F(T5Hub, NamesAConfigThatDisagreesWithItsWeights) {
  const ConfigCase cases[] = {
      {"Width", "\"d_model\": 512", "\"d_model\": 768", "d_model is 768, and T5Conditioner expects 512 of t5-small"},
      {"Layers", "\"num_layers\": 2", "\"num_layers\": 3", "encoder.block.2."},
      {"Gate", "\"is_gated_act\": false", "\"is_gated_act\": true", "wi_0"},
      {"Heads", "\"num_heads\": 2", "\"num_heads\": 4", "num_heads"},
      {"Vocabulary", "\"vocab_size\": 192", "\"vocab_size\": 200", "vocab_size"},
  };
  std::ifstream file(snapshot_ / "config.json");
  const std::string good{std::istreambuf_iterator<char>(file), {}};
  for (const ConfigCase& row : cases) {
    SCOPED_TRACE(row.name);
    std::ofstream(snapshot_ / "config.json") << good;
    Replace(row.from, row.to);
    const Status status = Check();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kMismatch);
    EXPECT_THAT(status.error().message, HasSubstr(row.part));
  }
}

TEST_F(T5Hub, NamesADamagedFile) {
  fs::resize_file(snapshot_ / "model.safetensors", 100'000);
  Status status = Check();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(status.error().message, AllOf(HasSubstr("model.safetensors"), HasSubstr("cut off")));
  fs::resize_file(snapshot_ / "spiece.model", 1000);
  status = Check();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(status.error().message, HasSubstr("spiece.model"));
}

}  // namespace
}  // namespace harness::text
