#include "harness/export/look_inside.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/testing/checkpoints.h"
#include "harness/testing/pickle_writer.h"

namespace harness::exports {
namespace {

using namespace testing_support;

std::string PickledText(std::string_view text) { return PickleWriter().Str(text).str().substr(2); }
std::string PickledDict(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out = "}(";
  for (const auto& [key, value] : members) out += PickledText(key) + value;
  return out + "u";
}
std::string DictOfTensors(const std::vector<std::string>& names) {
  std::vector<std::pair<std::string, std::string>> members;
  for (const std::string& name : names)
    members.emplace_back(name, PickleWriter().Tensor("0", "FloatStorage", 1, {1}, {1}).str().substr(2));
  return PickledDict(members);
}
checkpoint::Checkpoint OpenPickled(const std::string& value) { return OpenPickle("\x80\x02" + value + "."); }

const std::string kLmName = "emb.0.weight", kCodecName = "quantizer.vq.layers.0._codebook.embed";

TEST(LookInside, FindsTheModelsAndTheirPlace) {
  struct File {
    std::string value;
    Inside::Package package;
    std::vector<std::string> place;
    std::optional<std::string> language_model, codec;
  };
  using Package = Inside::Package;
  const std::vector<File> cases = {
      {PickledDict({{"best_state", DictOfTensors({kLmName})}, {"xp.cfg", PickledText("a: 1")}}),
       Package::kExport,
       {"best_state"},
       "",
       {}},
      {PickledDict({{"best_state", DictOfTensors({kCodecName})}, {"xp.cfg", PickledText("a: 1")}}),
       Package::kExport,
       {"best_state"},
       {},
       ""},
      {PickledDict({{"best_state", DictOfTensors({kLmName})}}), Package::kOther, {"best_state"}, "", {}},
      {PickledDict({{"best_state", PickledDict({{"model", DictOfTensors({kLmName})}})}}),
       Package::kTraining,
       {"best_state", "model"},
       "",
       {}},
      {DictOfTensors({"a", kLmName}), Package::kOther, {}, "", {}},
      {PickledDict({{"state_dict", DictOfTensors({"m.lm." + kLmName, "codec." + kCodecName})}}),
       Package::kOther,
       {"state_dict"},
       "m.lm.",
       "codec."},
      {PickledDict({{"pretrained", PickledText("dac_44khz")}}), Package::kReference, {}, {}, {}},
  };
  for (const File& each : cases) {
    SCOPED_TRACE(each.value);
    const auto inside = LookInside(OpenPickled(each.value));
    ASSERT_TRUE(inside.has_value());
    EXPECT_EQ(inside->package, each.package);
    EXPECT_EQ(inside->place, each.place);
    EXPECT_EQ(inside->language_model, each.language_model);
    EXPECT_EQ(inside->codec, each.codec);
  }
}

TEST(LookInside, FindsNothingElsewhere) {
  // "item_emb.0.weight" ends as the language model's name does, and is another.
  for (const std::string& value : {DictOfTensors({"a"}), DictOfTensors({"item_" + kLmName}),
                                   PickledDict({{"best_state", "N"}}), std::string("]"), std::string("N")}) {
    EXPECT_EQ(LookInside(OpenPickled(value)), std::nullopt) << value;
  }
  EXPECT_EQ(LookInside(OpenPickled(PickledDict(
                {{"a", "cposix\nsystem\n(" + PickledText("x") + "tR"}, {"best_state", DictOfTensors({kLmName})}}))),
            std::nullopt);
  EXPECT_EQ(LookInside(std::filesystem::path("no such file")), std::nullopt);
}

TEST(FindStranger, NamesOtherModels) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {PickledDict({{"state_dict", DictOfTensors({"quantizer.quantizers.0.codebook.weight"})}}), "DAC"},
      {PickledDict({{"n_bands", "K\x04"}}), "MultiBandDiffusion"},
      {PickledDict({{"model", DictOfTensors({"module.audio_branch.norm.weight"})}}), "CLAP"},
      {DictOfTensors({"encoder.block.0.layer.0.SelfAttention.q.weight"}), "T5"},
      {DictOfTensors({"quantizer.layers.0.codebook.embed"}), "EnCodec of the Transformers library"},
  };
  for (const auto& [value, words] : cases) {
    const Stranger* stranger = FindStranger(OpenPickled(value));
    ASSERT_NE(stranger, nullptr) << words;
    EXPECT_THAT(stranger->what, ::testing::HasSubstr(words));
  }
  EXPECT_EQ(FindStranger(OpenPickled(DictOfTensors({"a"}))), nullptr);
  EXPECT_EQ(FindStranger(OpenPickled("N")), nullptr);
  // Transformers' MusicGen holds a T5 and an EnCodec.
  const Stranger* whole = FindStranger(OpenPickled(
      DictOfTensors({"text_encoder.encoder.block.0.layer.0.SelfAttention.q.weight", "decoder.lm_heads.0.weight"})));
  ASSERT_NE(whole, nullptr);
  EXPECT_EQ(whole->what, nullptr) << "the package says what it is";
}

TEST(FormatStateDict, LeavesOutWhatIsNotOfTheModel) {
  EXPECT_EQ(FormatStateDict({.place = {}, .language_model = "", .codec = {}}, "", "a.pt"), "torch.load('a.pt', 'cpu')");
  EXPECT_EQ(FormatStateDict({.place = {"state_dict"}, .language_model = "lm.", .codec = {}}, "lm.", "a.pt"),
            "{k.removeprefix('lm.'): v for k, v in torch.load('a.pt', 'cpu')['state_dict'].items() if "
            "k.startswith('lm.')}");
}

}  // namespace
}  // namespace harness::exports
