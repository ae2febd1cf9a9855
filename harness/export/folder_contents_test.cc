#include "harness/export/folder_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "harness/testing/temporary_folder.h"

namespace harness::exports {
namespace {

using namespace testing_support;
namespace fs = std::filesystem;

struct Case {
  const char* name;
  std::vector<std::string> files;
  std::vector<std::string> words;
  std::string remedy = "Write the file with audiocraft.utils.export.export_lm";
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class FolderContentsTest : public ::testing::TestWithParam<Case> {
 protected:
  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_P(FolderContentsTest, SaysWhoseFolderItIs) {
  for (const std::string& file : GetParam().files) std::ofstream(folder_ / file) << "x";
  const FolderDescription description = DescribeFolder(folder_, Role::kLanguageModel);
  for (const std::string& word : GetParam().words) EXPECT_THAT(description.what, ::testing::HasSubstr(word));
  EXPECT_THAT(description.remedy, ::testing::HasSubstr(GetParam().remedy));
}

std::vector<Case> Cases() {
  const std::string export_lm = "export_lm('checkpoint.th', 'state_dict.bin')";
  return {
      {"Transformers",
       {"config.json", "generation_config.json", "model.safetensors"},
       {"model.safetensors and config.json", "no converter back"},
       "Go to the training checkpoint and run audiocraft.utils.export." + export_lm},
      {"TransformersSharded",
       {"config.json", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"},
       {"pytorch_model-00001-of-00002.bin and config.json"},
       export_lm},
      {"Accelerate",
       {"optimizer.bin", "pytorch_model.bin"},
       {"pytorch_model.bin", "Accelerate"},
       "run audiocraft.utils.export." + export_lm},
      {"Training",
       {"checkpoint.th", "checkpoint.th.1", "history.json"},
       {"holds checkpoint.th, a"},
       "Run audiocraft.utils.export." + export_lm},
      {"BestOfTraining",
       {"checkpoint_best.th"},
       {"holds checkpoint_best.th"},
       "export_lm('checkpoint_best.th', 'state_dict.bin')"},
      {"Shard",
       {"checkpoint_20.th.3"},
       {"holds checkpoint_20.th.3", "checkpoint_20.th of rank 0 only"},
       "Copy checkpoint_20.th of rank 0 here"},
      {"NoShard", {"checkpoint.th.old", "checkpoint.th."}, {"holds checkpoint.th., checkpoint.th.old"}},
      {"Lightning", {"last.ckpt"}, {"holds last.ckpt", "PyTorch Lightning"}},
      {"Download", {"state_dict.bin.part"}, {"state_dict.bin.part", "still running"}, "Let the download finish"},
      {"DownloadOfTheOther", {"compression_state_dict.bin.part"}, {"holds compression_state_dict.bin.part"}},
      // One half of an export: what else lies there is beside the point.
      {"OtherHalf",
       {"compression_state_dict.bin", "config.json", "model.safetensors"},
       {"holds compression_state_dict.bin, config.json, model.safetensors"},
       export_lm},
      {"Renamed",
       {"compression_state_dict.bin", "state_dict.pt"},
       {"holds state_dict.pt, and audiocraft opens state_dict.bin only"},
       "rename it to state_dict.bin"},
      {"Many", {"a", "b", "c", "d", "e", "f", "g", "h"}, {"holds a, b, c, d, e, f, and 2 more"}},
      {"ControlCharacters", {"a\nb"}, {"holds a\\nb"}},
  };
}
INSTANTIATE_TEST_SUITE_P(Folders, FolderContentsTest, ::testing::ValuesIn(Cases()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(FormatExporterCall, NamesTheFunctionOfTheRole) {
  EXPECT_EQ(FormatExporterCall(Role::kLanguageModel),
            "audiocraft.utils.export.export_lm('checkpoint.th', 'state_dict.bin')");
  EXPECT_THAT(FormatExporterCall(Role::kCodec, "c.th"),
              ::testing::HasSubstr("export_encodec('c.th', 'compression_state"));
}

}  // namespace
}  // namespace harness::exports
