// Every trick that makes an unpickler run something must be seen, wherever it stands and whatever breaks after it.
#include "harness/pickle/pickle_safety.h"

#include "harness/pickle/pickle_reader.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"

namespace harness::pickle {
namespace {

using namespace testing_support;
using namespace std::string_literals;

struct UnsafeCase {
  const char* name;
  std::string pickle;
  Parts words;
  const char* remedy = "Do not load";
};
void PrintTo(const UnsafeCase& c, std::ostream* out) { *out << c.name; }

class UnsafePickleTest : public ::testing::TestWithParam<UnsafeCase> {};

TEST_P(UnsafePickleTest, IsNamed) {
  const checkpoint::Checkpoint checkpoint = OpenPickle(GetParam().pickle);
  EXPECT_THAT(checkpoint.safety_status(), FailsWith(ErrorCode::kUnsafe, GetParam().words));
  EXPECT_THAT(checkpoint.safety_status(), HasRemedy(GetParam().remedy));
}

// The loader has run it by the time the rest turns out to be broken.
TEST_P(UnsafePickleTest, IsNamedWhereThePickleBreaksOff) {
  std::string broken = GetParam().pickle;
  broken.back() = '\xff';
  const checkpoint::Checkpoint checkpoint = OpenPickle(broken);
  EXPECT_FALSE(checkpoint.pickle_status().ok());
  EXPECT_FALSE(checkpoint.safety_status().ok());
  EXPECT_EQ(checkpoint.pickle().Root(), nullptr);
}

std::vector<UnsafeCase> UnsafeCases() {
  const std::string system = "cposix\nsystem\n";
  const std::string command = "X\x10\0\0\0touch /tmp/pwned"s;
  const std::string sharded = "ctorch.distributed._shard.sharded_tensor.api\nShardedTensor\n";
  const auto fetched = [&](const char* name) {
    return "cbuiltins\ngetattr\n" + sharded + PickleWriter().Str(name).str().substr(2) + "\x86R";
  };
  return {
      {"Reduce", system + command + "\x85R.", {"data.pkl", "calls posix.system('touch /tmp/pwned') (offset 36)"}},
      {"ShardedTensor",
       fetched("ProcessGroupState") + ")\x81.",
       {"holds ShardedTensor objects", "FSDP leaves on each rank"},
       "fsdp_best_state"},
      {"AnotherAttributeOfShardedTensor", fetched("__reduce__") + ".", {"runs code", "getattr("}},
      {"CallBesideShardedTensor",
       fetched("ProcessGroupState") + "0" + system + command + "\x85R.",
       {"runs code", "posix.system("}},
      {"Sparse",
       "ctorch._utils\n_rebuild_sparse_tensor\n)R.",
       {"1 entry is sparse", "_rebuild_sparse_tensor"},
       "v.to_dense()"},
      {"Meta",
       "ctorch._utils\n_rebuild_meta_tensor_no_storage\n)R.",
       {"on the device `meta`", "none of their numbers"},
       "export again"},
      {"SubclassOfAPackage", "ctorchao.dtypes\nTensor\n)\x81.", {"of a class of torchao"}, "v.dequantize()"},
      {"ModelItself", "caudiocraft.models.lm\nLMModel\n)\x81.", {"in place of its state dict"}, "model.state_dict()"},
      {"CallBesideSparse",
       "ctorch._utils\n_rebuild_sparse_tensor\n)R0" + system + command + "\x85R.",
       {"runs code", "posix.system("}},
      {"FunctionOfAudiocraft", "caudiocraft.models.loaders\nload_lm_model\n)R.", {"runs code", "load_lm_model"}},
      {"AttributeOfAConstructor",
       "\x80\x04\x8c\x0ctorch._utils\x8c\x26_rebuild_sparse_tensor.__globals__.pop\x93)R.",
       {"runs code", "__globals__"}},
      {"GlobalAlone", "cos\nsystem\n.", {"imports os.system (offset 0)"}},
      {"DroppedByPop", "N" + system + command + "\x85R0.", {"posix.system('touch"}},
      {"KeyPath",
       "}(" + PickleWriter().Str("best_state").str().substr(2) + "}" + PickleWriter().Str("emb").str().substr(2) +
           system + command + "\x85Rsu.",
       {"at best_state → emb)"}},
      {"ThroughTheMemo",
       system +
           "q\0"
           "0h\0"s +
           command + "\x85R.",
       {"calls posix.system("}},
      {"StackGlobal", "\x80\x04\x8c\x05posix\x8c\x06system\x93" + command + "\x85R.", {"calls posix.system("}},
      {"StackGlobalFromMemo",
       "\x80\x04\x8c\x02os\x94"
       "0\x8c\x06system\x94"
       "0h\0h\x01\x93."s,
       {"imports os.system"}},
      {"DottedName", "\x80\x04\x8c\x0eomegaconf.base\x8c\x08sys.exit\x93.", {"omegaconf.base"}},
      {"Inst", "(" + command + "iposix\nsystem\n.", {"calls posix.system('touch"}},
      {"Obj", "(" + system + command + "o.", {"calls posix.system('touch"}},
      {"NewObj", "cevil\nClass\n)\x81.", {"calls evil.Class()"}},
      {"NewObjEx", "cevil\nClass\n)}\x92.", {"calls evil.Class()"}},
      {"NewObjExKeywords", "cevil\nClass\n)}U\x01kNs\x92.", {"calls evil.Class({'k': None})"}},
      {"BuildSetState", "cevil\nClass\n)\x81}b.", {"calls evil.Class()"}},
      {"SetStateOfTheInstance",
       "ctypes\nSimpleNamespace\n)R}U\x0c__setstate__" + system + "sb" + command + "b.",
       {"calls types.SimpleNamespace()", "calls posix.system('touch /tmp/pwned')"}},
      {"SetStateOfAHarmlessInstance",
       "cargparse\nNamespace\n)\x81}U\x0c__setstate__" + system + "sb" + command + "b.",
       {"calls __setstate__(argparse.Namespace(), {'__setstate__': posix.system})",
        "calls posix.system('touch /tmp/pwned')"}},
      {"BuildOfAClass",
       "comegaconf.dictconfig\nDictConfig\n}U\x0c__setstate__Nsb.",
       {"calls __setstate__(omegaconf.dictconfig.DictConfig, {'__setstate__': None})"}},
      {"Ext1", "\x82\x05.", {"copyreg.extension_5"}},
      {"Ext2", "\x83\x05\x01.", {"copyreg.extension_261"}},
      {"Ext4", "\x84\x05\0\0\0."s, {"copyreg.extension_5"}},
      {"ClassOfAPackage",
       "}U\x04"
       "argscmy_trainer.config\nRunConfig\n)\x81s.",
       {"needs the package my_trainer: calls my_trainer.config.RunConfig() (offset", "at args)"},
       "plain types"},
      {"ClassesOfTwoPackages", "(cmine\nA\ncyours\nB\nt.", {"runs code that it names: imports mine.A"}},
      {"FunctionOfAPackage", "cmy_trainer\nrun\n)R.", {"runs code that it names: calls my_trainer.run()"}},
      {"ClassOfPythonItself", "csubprocess\nPopen\n)\x81.", {"runs code that it names: calls subprocess.Popen()"}},
      {"ClassAndCommand", "(cmine\nA\n" + system + command + "\x85Rt.", {"runs code that it names", "posix.system"}},
      {"Getattr",
       "c__builtin__\ngetattr\n" + "cos\npath\n"s + "U\x06system\x86R" + command + "\x85R.",
       {"calls builtins.getattr(os.path, 'system') ", "calls builtins.getattr(os.path, 'system')('touch"}},
      {"NestedReduce",
       "ctorch\nSize\nc__builtin__\neval\nU\x03"
       "1+1\x85R\x85R.",
       {"builtins.eval('1+1')"}},
      {"CallOfATensor", PickleWriter().Tensor("0", "FloatStorage", 1, {}, {}).Raw(")R").Stop(), {"calls <tensor>()"}},
      {"InsideAPersistentId",
       "(U\x07storage" + system + command +
           "\x85RU\x01"
           "0U\x03"
           "cpuK\x01tQ.",
       {"posix.system('touch"}},
      {"StorageClass",
       "(U\x07storagecevil\nFloatStorage\nU\x01"
       "0U\x03"
       "cpuK\x01tQ.",
       {"imports evil.FloatStorage"}},
      {"ReconstructorOfAClass",
       "ccopy_reg\n_reconstructor\n(cevil\nClass\nc__builtin__\nobject\nNtR.",
       {"imports evil.Class for copyreg._reconstructor(evil.Class, builtins.object, None)"}},
      {"FromType",
       "ctorch._tensor\n_rebuild_from_type_v2\n(" + system + "ctorch\nTensor\n" + command + "\x85NtR.",
       {"imports posix.system for torch._tensor._rebuild_from_type_v2(posix.system, torch.Tensor, ('touch"}},
      {"FactoryOfADefaultDict", "ccollections\ndefaultdict\n" + system + "\x85R.", {"imports posix.system"}},
      {"PythonTwoNames", "c__builtin__\nexecfile\nU\x01x\x85R.", {"builtins.execfile('x')"}},
      {"Partial", "cfunctools\npartial\n" + system + "\x85R.", {"functools.partial(posix.system)"}},
      {"WholeModule", "cnn\nModule\n)\x81}b.", {"nn.Module"}},
      {"CallOfAText", "\x8c\x0c__setstate__)R.", {"calls '__setstate__'()"}},
      {"ControlCharacters", "cevil\nx\x01y\n.", {"evil.x\\x01y"}},
  };
}

INSTANTIATE_TEST_SUITE_P(Tricks, UnsafePickleTest, ::testing::ValuesIn(UnsafeCases()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(PickleSafety, ManyCallsAreCounted) {
  std::string pickle = "(";
  for (int i = 0; i < 100; ++i) pickle += "cevil\nf\n)R";
  EXPECT_THAT(OpenPickle(pickle + "t.").safety_status(), FailsWith(ErrorCode::kUnsafe, Parts{"at [7]", "and 92 more"}));
}

// Every opcode that puts into the memo or gets out of it.
TEST(PickleSafety, WholeMemo) {
  const std::string system = "cposix\nsystem\n", call = "U\x01x\x85R.";
  for (const std::string& way : {"q\0\x30h\0"s, "r\0\0\0\0\x30j\0\0\0\0"s, "p0\n0g0\n"s, "\x94\x30h\0"s, "p0\n0h\0"s}) {
    EXPECT_THAT(OpenPickle(system + way + call).safety_status(),
                FailsWith(ErrorCode::kUnsafe, Parts{"calls posix.system('x')"}));
  }
}

// torch.load ignores it; another loader may read on.
TEST(PickleSafety, SecondPickleBehindStop) {
  EXPECT_THAT(OpenPickle("}.\x80\x02"
                         "cposix\nsystem\n)R.")
                  .safety_status(),
              FailsWith(ErrorCode::kUnsafe, Parts{"the second pickle behind the first: is a pickle that runs code",
                                                  "calls posix.system() (offset 19)"}));
  EXPECT_FALSE(OpenPickle("}.}.cevil\nf\n)R.").safety_status().ok());
}

TEST(PickleSafety, PaddingBehindStopIsNoPickle) {
  for (const std::string& behind : {std::string(100, '\0'), "cevil\nf\n"s, "ZZZZ"s, "N."s, "\x80\x02}."s}) {
    EXPECT_THAT(OpenPickle("}." + behind).safety_status(), Succeeds()) << behind;
  }
}

}  // namespace
}  // namespace harness::pickle
