#include "harness/checkpoint/package.h"

#include "harness/pickle/plain_value.h"
#include "harness/testing/archive_writer.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"

namespace harness::checkpoint {
namespace {

using namespace testing_support;
using namespace std::string_literals;

// A pickled value: what PickleWriter wrote, without PROTO and STOP.
std::string Value(const PickleWriter& writer) { return writer.str().substr(2); }
std::string Text(std::string_view text) { return Value(PickleWriter().Str(text)); }
std::string TensorValue(const std::string& key) {
  return Value(PickleWriter().Tensor(key, "FloatStorage", 2, {2}, {1}));
}
std::string DictValue(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out = "}(";
  for (const auto& [key, value] : members) out += Text(key) + value;
  return out + "u";
}
Checkpoint OpenValue(const std::string& value) {
  return Open(WriteZip(TorchEntries("\x80\x02" + value + ".", {{"0", "12345678"}, {"1", "12345678"}})));
}

const PackageAdvice kAdvice = {"Make it with the exporter", "it was a shard", "Take the whole one"};
const std::string kConfig = Text("sample_rate: 32000\n");
const std::string kShards = "ctorch.distributed._shard.sharded_tensor.api\nShardedTensor\n)\x81";

TEST(Package, ReadsAnExport) {
  const Checkpoint checkpoint = Open(WriteZip(SmallExport()));
  const Result<Package> package = ReadPackage(checkpoint, PackageKind::kLanguageModel);
  ASSERT_THAT(package, Succeeds());
  EXPECT_EQ(package->keys, (std::vector<std::string>{"best_state", "xp.cfg", "version", "exported"}));
  ASSERT_EQ(package->best_state.size(), 2u);
  EXPECT_EQ(package->best_state[1].name, "b");
  EXPECT_EQ(package->best_state[1].tensor, 1u);
  EXPECT_EQ(checkpoint.pickle()[package->config].text, "sample_rate: 32000\n");
  EXPECT_FALSE(package->pretrained);
}

TEST(Package, WhatNoLoaderReadsMayBeAnything) {
  const std::string weights = DictValue({{"a", TensorValue("0")}});
  for (const PackageKind kind : {PackageKind::kLanguageModel, PackageKind::kCodec}) {
    const Result<Package> bare =
        ReadPackage(OpenValue(DictValue({{"xp.cfg", kConfig}, {"best_state", weights}})), kind);
    EXPECT_THAT(bare, Succeeds());
    const Result<Package> more = ReadPackage(
        OpenValue(DictValue(
            {{"xp.cfg", kConfig}, {"best_state", weights}, {"version", "K\x01"}, {"exported", "N"}, {"extra", "]"}})),
        kind);
    EXPECT_THAT(more, Succeeds());
  }
}

TEST(Package, LastOfANameWins) {
  const Checkpoint checkpoint = OpenValue(DictValue(
      {{"xp.cfg", kConfig},
       {"best_state", DictValue({{"a", TensorValue("0")}, {"b", TensorValue("0")}, {"a", TensorValue("1")}})}}));
  const Result<Package> package = ReadPackage(checkpoint, PackageKind::kLanguageModel);
  ASSERT_THAT(package, Succeeds());
  ASSERT_EQ(package->best_state.size(), 2u);
  EXPECT_EQ(package->best_state[0].tensor, 2u);
}

Result<Package> ReadCodec(const std::string& value) { return ReadPackage(OpenValue(value), PackageKind::kCodec); }

TEST(Package, ReferenceToACodec) {
  const Result<Package> package = ReadCodec(
      DictValue({{"pretrained", Text("facebook/encodec_32khz")}, {"exported", "\x88"}, {"version", Text("1.3.0")}}));
  ASSERT_THAT(package, Succeeds());
  EXPECT_EQ(package->pretrained, "facebook/encodec_32khz");
  EXPECT_EQ(package->config, pickle::kNoNode);
}

TEST(Package, ReferenceIsAPath) {
  const std::string path = "cpathlib\nPosixPath\n(" + Text("runs") + Text("codec.bin") + "tR";
  const Result<Package> package = ReadCodec(DictValue({{"pretrained", path}}));
  ASSERT_THAT(package, Succeeds());
  EXPECT_EQ(package->pretrained, "runs/codec.bin");
}

TEST(Package, ReferenceOfTheWrongType) {
  for (const std::string value : {"N", "K\x07", "]", "\x88", "C\x01x", "cargparse\nNamespace\n)\x81"}) {
    const Result<Package> package = ReadCodec(DictValue({{"pretrained", value}}));
    EXPECT_THAT(package, FailsWith(ErrorCode::kMismatch, Parts{"pretrained is ", "not text", "TypeError"})) << value;
    EXPECT_THAT(package, HasRemedy("Export it again with export_pretrained_compression_model"));
  }
}

// load_compression_model returns before it reads either.
TEST(Package, BesideAReferenceNothingIsRead) {
  const Result<Package> package =
      ReadCodec(DictValue({{"pretrained", Text("dac_44khz")}, {"best_state", "N"}, {"xp.cfg", "K\x01"}}));
  ASSERT_THAT(package, Succeeds());
  EXPECT_EQ(package->pretrained, "dac_44khz");
  EXPECT_TRUE(package->best_state.empty());
  EXPECT_EQ(package->config, pickle::kNoNode);
}

// load_lm_model does not look for the key.
TEST(Package, LanguageModelMayHaveAnyPretrained) {
  for (const std::string& value : {Text("t5-base"), std::string("N"), std::string("K\x01"), std::string("}")}) {
    const Result<Package> package = ReadPackage(
        OpenValue(DictValue(
            {{"xp.cfg", kConfig}, {"best_state", DictValue({{"a", TensorValue("0")}})}, {"pretrained", value}})),
        PackageKind::kLanguageModel);
    ASSERT_THAT(package, Succeeds());
    EXPECT_FALSE(package->pretrained);
    EXPECT_EQ(package->best_state.size(), 1u);
  }
}

struct LookAlike {
  const char* name;
  std::string value;
  Parts words;
  const char* remedy = "Make it with the exporter";
};
void PrintTo(const LookAlike& c, std::ostream* out) { *out << c.name; }
class LookAlikeTest : public ::testing::TestWithParam<LookAlike> {};

TEST_P(LookAlikeTest, IsRecognised) {
  const Checkpoint checkpoint = OpenValue(GetParam().value);
  ASSERT_THAT(checkpoint.pickle_status(), Succeeds());
  Parts words = GetParam().words;
  words.push_back("state_dict.bin: ");
  const Result<Package> package = ReadPackage(checkpoint, PackageKind::kLanguageModel, kAdvice);
  EXPECT_THAT(package, FailsWith(ErrorCode::kMismatch, words));
  EXPECT_THAT(package, HasRemedy(GetParam().remedy));
}

std::vector<LookAlike> LookAlikes() {
  const std::string tensors = DictValue({{"emb.0.weight", TensorValue("0")}, {"linears.0.weight", TensorValue("1")}});
  const std::string empty = Value(PickleWriter().Tensor("1", "FloatStorage", 2, {0}, {1}));
  return {
      {"RawCheckpoint",
       DictValue({{"history", "]"},
                  {"xp.cfg", "}"},
                  {"xp.sig", Text("abc")},
                  {"best_state", DictValue({{"model", tensors}})}}),
       {"one level too deep, in best_state['model'] (2 of them): this is the raw training checkpoint (its keys: "
        "history, xp.cfg"}},
      {"RawFsdpCheckpoint",
       DictValue({{"best_state", DictValue({{"model", "}"}})}, {"fsdp_best_state", DictValue({{"model", tensors}})}}),
       {"trained with FSDP: the full weights are in fsdp_best_state"}},
      {"ShardOfTraining",
       DictValue({{"best_state", DictValue({{"model", DictValue({{"a", TensorValue("0")}, {"b", empty}})}})},
                  {"fsdp_best_state", DictValue({{"model", "}"}})}}),
       {"one rank's shard", "with 1 of 2 tensors empty", "rank 0's checkpoint.th only"}},
      {"NestedElsewhere",
       DictValue({{"best_state", DictValue({{"step", "K\x01"}, {"ema", tensors}})}, {"xp.cfg", kConfig}}),
       {"in best_state['ema'] (2 of them)"},
       "p['best_state'] = p['best_state']['ema']"},
      {"NestedOnly",
       DictValue({{"best_state", DictValue({{"model", tensors}})}, {"xp.cfg", kConfig}}),
       {"one level too deep, in best_state['model'] (2 of them)"},
       "p['best_state'] = p['best_state']['model']"},
      {"RawWithoutBest",
       DictValue({{"history", "]"}, {"xp.sig", Text("abc")}, {"model", tensors}}),
       {"training checkpoint of audiocraft without a best_state"}},
      {"Lightning",
       DictValue({{"state_dict", tensors}, {"pytorch-lightning_version", Text("2.0")}, {"epoch", "K\x01"}}),
       {"PyTorch Lightning", "its tensors are named emb.0.weight"},
       "by hand: torch.save({'best_state': "},
      {"DeepSpeed", DictValue({{"module", tensors}, {"ds_version", Text("0.14")}}), {"DeepSpeed checkpoint"}},
      {"BareStateDict",
       tensors,
       {"bare state dict (2 tensors at the top: emb.0.weight, linears.0.weight)", "without xp.cfg"}},
      {"Transformers",
       DictValue({{"x", TensorValue("0")}, {"decoder.lm_heads.0.weight", TensorValue("0")}}),
       {"Transformers library", "no converter back"}},
      {"OtherTrainer",
       DictValue({{"model", tensors}, {"optimizer", "}"}}),
       {"is a training checkpoint (its keys: model, optimizer)"}},
      {"StateDictKey", DictValue({{"state_dict", tensors}}), {"another trainer"}},
      {"EmptyDict", "}", {"holds an empty dict"}},
      {"Reference",
       DictValue({{"pretrained", Text("facebook/encodec_32khz")}, {"xp.cfg", kConfig}}),
       {"is a reference to the codec 'facebook/encodec_32khz', not a language model", "swapped"}},
      {"ReferenceThatIsNone", DictValue({{"pretrained", "N"}}), {"is a reference to the codec None"}},
      {"OtherDict", DictValue({{"x", "N"}}), {"has no best_state (its keys: x)"}},
      {"EmptyBestState",
       DictValue({{"best_state", "}"}, {"xp.cfg", kConfig}}),
       {"best_state is empty: it was a shard"},
       "Take the whole one"},
      {"BestStateIsNone", DictValue({{"best_state", "N"}, {"xp.cfg", kConfig}}), {"best_state is None, not a dict"}},
      {"NoConfig", DictValue({{"best_state", tensors}}), {"has no xp.cfg"}},
      {"Sharded",
       DictValue({{"best_state", DictValue({{"a", kShards}})}, {"xp.cfg", kConfig}}),
       {"FSDP left on each rank", "sharded_tensor.api.ShardedTensor"},
       "Gather the full state dict before saving"},
      {"SingleTensor", TensorValue("0"), {"holds a single tensor"}},
      {"List", "]", {"holds [], not a dict"}},
      {"Object", "cargparse\nNamespace\n)R", {"holds an object (argparse.Namespace())"}},
  };
}
INSTANTIATE_TEST_SUITE_P(LookAlikes, LookAlikeTest, ::testing::ValuesIn(LookAlikes()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Package, SaysHowToMendEntriesThatAreNoTensors) {
  const std::string array = "cnumpy.core.multiarray\n_reconstruct\n)R";
  const struct {
    std::string entries;
    const char *words, *remedy;
  } cases[] = {
      {DictValue({{"a", TensorValue("0")}, {"b", "K\x07"}, {"c", Text("x")}}),
       "best_state holds 2 of 3 entries that are not tensors: b is 7; c is 'x'. Only tensors",
       "leave them out: best_state = "},
      {DictValue({{"a", "K\x07"}}), "1 of 1 entries", "Make it with the exporter"},
      {DictValue({{"a", array}, {"b", TensorValue("0")}}), "1 of 2 entries", "of NumPy: best_state = "},
      {DictValue({{"a._extra_state", "N"}, {"b", TensorValue("0")}}), "1 of 2 entries",
       "if not k.endswith('_extra_state')"},
  };
  for (const auto& c : cases) {
    const Checkpoint checkpoint = OpenValue(DictValue({{"best_state", c.entries}, {"xp.cfg", kConfig}}));
    const auto package = ReadPackage(checkpoint, PackageKind::kLanguageModel, kAdvice);
    EXPECT_THAT(package, FailsWith(ErrorCode::kMismatch, Parts{c.words}));
    EXPECT_THAT(package, HasRemedy(c.remedy));
  }
}

TEST(Package, ConfigOfTheWrongType) {
  EXPECT_THAT(
      ReadPackage(OpenValue(DictValue({{"best_state", DictValue({{"a", TensorValue("0")}})}, {"xp.cfg", "K\x01"}})),
                  PackageKind::kLanguageModel),
      FailsWith(ErrorCode::kMismatch, Parts{"xp.cfg is 1"}));
}

TEST(Package, WithoutAPickleThereIsNone) {
  EXPECT_THAT(ReadPackage(Open("hello"), PackageKind::kLanguageModel),
              FailsWith(ErrorCode::kCorrupt, Parts{"plain text"}));
}

// --- plain values

std::string Node(const std::string& value) {
  return "comegaconf.nodes\nAnyNode\n)\x81" + DictValue({{"_metadata", "N"}, {"_parent", "N"}, {"_val", value}}) + "b";
}
std::string Container(const std::string& type, const std::string& content) {
  return "comegaconf." + type + "\n)\x81" + DictValue({{"_metadata", "N"}, {"_parent", "N"}, {"_content", content}}) +
         "b";
}

Result<pickle::PlainValue> Plain(const std::string& value) {
  const Checkpoint checkpoint = OpenValue(value);
  if (!checkpoint.pickle_status().ok()) return checkpoint.pickle_status().error();
  return pickle::ToPlainValue(checkpoint.pickle(), checkpoint.pickle().root);
}

TEST(PlainValue, DictsAndLists) {
  const Result<pickle::PlainValue> value = Plain(DictValue(
      {{"a", "K\x01"}, {"b", "](NG\x3f\xf8\0\0\0\0\0\0\x88"s + "e"}, {"a", "K\x02"}, {"c", "B\x01\0\0\0\xff"s}}));
  ASSERT_THAT(value, Succeeds());
  ASSERT_EQ(value->items.size(), 3u);
  EXPECT_EQ(value->Find("a")->integer, 2);
  EXPECT_EQ(value->Find("b")->items[1].real, 1.5);
  EXPECT_TRUE(value->Find("b")->items[2].boolean);
  EXPECT_EQ(value->Find("c")->kind, pickle::PlainValue::Kind::kBytes);
  EXPECT_EQ(value->Find("none"), nullptr);
}

TEST(PlainValue, OmegaConfObjects) {
  const Result<pickle::PlainValue> value = Plain(
      Container("dictconfig\nDictConfig",
                DictValue({{"a", Node("K\x01")},
                           {"b", Container("listconfig\nListConfig", "](" + Node(Text("${a}")) + Node("N") + "e")},
                           {"c", Container("dictconfig\nDictConfig", Text("???"))},
                           {"d", Container("dictconfig\nDictConfig", "N")},
                           {"e", Container("base\nUnionNode", Node("K\x05"))}})));
  ASSERT_THAT(value, Succeeds());
  EXPECT_EQ(value->Find("a")->integer, 1);
  EXPECT_EQ(value->Find("b")->items[0].text, "${a}");
  EXPECT_EQ(value->Find("b")->items[1].kind, pickle::PlainValue::Kind::kNull);
  EXPECT_EQ(value->Find("c")->text, "???");
  EXPECT_EQ(value->Find("d")->kind, pickle::PlainValue::Kind::kNull);
  EXPECT_EQ(value->Find("e")->integer, 5);
}

TEST(PlainValue, PathsAreTheirText) {
  const std::string type = "cpathlib\nPosixPath\n";
  const Result<pickle::PlainValue> value =
      Plain(DictValue({{"a", type + "(" + Text("/") + Text("checkpoint") + Text("me") + "tR"},
                       {"b", type + "(" + Text("runs") + Text("1") + "tR"},
                       {"c", type + ")R"}}));
  ASSERT_THAT(value, Succeeds());
  EXPECT_EQ(value->Find("a")->text, "/checkpoint/me");
  EXPECT_EQ(value->Find("b")->text, "runs/1");
  EXPECT_EQ(value->Find("c")->text, ".");
}

TEST(PlainValue, WhatNoConfigHolds) {
  EXPECT_THAT(Plain(DictValue({{"a", DictValue({{"b", TensorValue("0")}})}})),
              FailsWith(ErrorCode::kMismatch, Parts{"the config at a.b is <tensor>"}));
  EXPECT_THAT(Plain(DictValue({{"p", "cargparse\nNamespace\n)R"}})),
              FailsWith(ErrorCode::kMismatch, Parts{"at p is argparse.Namespace()"}));
  EXPECT_THAT(Plain(DictValue({{"p", "cargparse\nNamespace\n)R"}})), HasRemedy("OmegaConf.to_yaml(cfg)"));
  EXPECT_THAT(Plain("]q\0h\0a"s), FailsWith(ErrorCode::kMismatch, Parts{"the config at 0 contains itself"}));
  EXPECT_THAT(Plain(Container("dictconfig\nDictConfig",
                              "}q\0"s + Text("x") + Container("dictconfig\nDictConfig", "h\0"s) + "s")),
              FailsWith(ErrorCode::kMismatch, Parts{"at x contains itself"}));
  EXPECT_THAT(Plain("N" + std::string(300, '\x85')), FailsWith(ErrorCode::kUnsupported, Parts{"200 deep"}));
  // A list of ten times the list before, nine times over.
  std::string bomb = "]q\0N"s + "a";
  for (char i = 0; i < 9; ++i) {
    bomb += "0](";
    for (int copy = 0; copy < 10; ++copy) bomb += {'h', i};
    bomb += {'e', 'q', static_cast<char>(i + 1)};
  }
  EXPECT_THAT(Plain(bomb), FailsWith(ErrorCode::kUnsupported, Parts{"a million values"}));
  EXPECT_THAT(pickle::ToPlainValue(pickle::Pickle{}, pickle::kNoNode),
              FailsWith(ErrorCode::kNotFound, Parts{"no config"}));
}

}  // namespace
}  // namespace harness::checkpoint
