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
  std::string remedy = "write it with audiocraft.utils.export.export_lm";
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class FolderContentsTest : public ::testing::TestWithParam<Case> {
 protected:
  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_P(FolderContentsTest, SaysWhoseFolderItIs) {
  for (const std::string& file : GetParam().files) {
    fs::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << "x";
  }
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
       "Take the export that this model was converted from"},
      {"TransformersSharded",
       {"config.json", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"},
       {"pytorch_model-00001-of-00002.bin and config.json"},
       "Take the export that this model was converted from"},
      {"Accelerate",
       {"optimizer.bin", "pytorch_model.bin"},
       {"pytorch_model.bin", "Accelerate"},
       "p['best_state'] = torch.load('pytorch_model.bin', 'cpu')"},
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
      {"Lightning", {"last.ckpt"}, {"holds last.ckpt", "PyTorch Lightning"}, "torch.save(p, 'state_dict.bin')"},
      {"Peft", {"adapter_config.json", "adapter_model.safetensors"}, {"an adapter of PEFT"}, "merge_and_unload()"},
      {"DeepSpeedTag",
       {"global_step40/mp_rank_00_model_states.pt", "latest"},
       {"holds global_step40: a checkpoint of DeepSpeed"},
       "zero_to_fp32.py"},
      {"DeepSpeedInside",
       {"zero_pp_rank_0_mp_rank_00_optim_states.pt"},
       {"a checkpoint of DeepSpeed"},
       "into the folder above"},
      {"AccelerateWithFsdp",
       {"pytorch_model_fsdp_0/.metadata", "random_states_0.pkl"},
       {"Accelerate with FSDP"},
       "merge-weights"},
      {"Distributed",
       {".metadata", "__0_0.distcp", "compression_state_dict.bin"},
       {"torch.distributed.checkpoint"},
       "dcp_to_torch"},
      {"Trainer",
       {"config.json", "model.safetensors", "trainer_state.json"},
       {"the Trainer of the Transformers library"},
       "model.safetensors"},
      {"Archive", {"musicgen.tar.gz", "README.md"}, {"holds musicgen.tar.gz, an archive"}, "Unpack it"},
      {"Packed",
       {"compression_state_dict.bin", "state_dict.zip"},
       {"holds state_dict.zip: the file is packed"},
       "`unzip state_dict.zip`"},
      {"Gzipped", {"state_dict.bin.gz"}, {"holds state_dict.bin.gz"}, "`gunzip state_dict.bin.gz`"},
      {"Capitals", {"State_Dict.bin"}, {"holds State_Dict.bin: capitals count"}, "Rename it to state_dict.bin"},
      {"Parts",
       {"state_dict.bin.part1", "state_dict.bin.part2"},
       {"state_dict.bin.part1 to state_dict.bin.part2 (2 files)"},
       "cat state_dict.bin.part1 state_dict.bin.part2 > state_dict.bin"},
      {"PartsOfSplit", {"state_dict.bin.aa", "state_dict.bin.ab"}, {"the parts into which"}, "cat "},
      {"NoParts",
       {"state_dict.bin.bak", "state_dict.bin.old"},
       {"holds state_dict.bin.bak, and audiocraft opens"},
       "If that is the file, rename it"},
      {"Companion",
       {"._state_dict.bin", "compression_state_dict.bin"},
       {"companion that macOS writes"},
       "Copy state_dict.bin itself"},
      {"Deeper",
       {"a/b/state_dict.bin", "a/b/compression_state_dict.bin", "c/state_dict.bin"},
       {"Both files are in a/b"},
       "/a/b"},
      {"DeeperTwice",
       {"a/state_dict.bin", "a/compression_state_dict.bin", "b/state_dict.bin", "b/compression_state_dict.bin"},
       {"Both files are in a (and in 1 more folders)"},
       "/a"},
      {"DeeperAlone",
       {"lm/state_dict.bin", "compression_state_dict.bin"},
       {"It is in lm"},
       "Put lm/state_dict.bin beside compression_state_dict.bin"},
      {"DeeperInTwoFolders",
       {"lm/state_dict.bin", "codec/compression_state_dict.bin"},
       {"It is in lm"},
       "into one folder"},
      {"HubCache",
       {"models--me--mine/snapshots/01/state_dict.bin", "models--me--mine/snapshots/01/compression_state_dict.bin"},
       {"Both files are in models--me--mine/snapshots/01, a snapshot of the hub cache"},
       "snapshots/01"},
      {"Unzipped",
       {"archive/data.pkl", "archive/data/0", "archive/version"},
       {"The folder archive/ holds data.pkl"},
       "zip -0 -D -r state_dict.bin archive"},
      {"UnzippedHere", {"data.pkl", "data/0", "version"}, {"holds data.pkl and data/"}, "from the folder above"},
      {"BrokenDownload",
       {".cache/huggingface/download/1.incomplete", ".cache/huggingface/.gitignore"},
       {".cache/huggingface/download only"},
       "Run the same download again"},
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

// One story of the folder, not two.
TEST(DescribeFolder, SaysOnceWhatHoldsForBoth) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "adapter_config.json") << "{}";
  const FolderDescription codec = DescribeFolder(folder.path(), Role::kCodec);
  EXPECT_EQ(codec.what, "What is said of state_dict.bin holds for both");
  EXPECT_EQ(codec.remedy, "");
}

TEST(FormatExporterCall, NamesTheFunctionOfTheRole) {
  EXPECT_EQ(FormatExporterCall(Role::kLanguageModel),
            "audiocraft.utils.export.export_lm('checkpoint.th', 'state_dict.bin')");
  EXPECT_THAT(FormatExporterCall(Role::kCodec, "c.th"),
              ::testing::HasSubstr("export_encodec('c.th', 'compression_state"));
}

}  // namespace
}  // namespace harness::exports
