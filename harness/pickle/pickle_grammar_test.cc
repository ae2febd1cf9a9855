// Each known name in the one way that its writer has, and in others. pickle_near_miss_test.cc changes each part of them.
// The pickles that real writers make are held in fixtures and by scripts/oracle/load_differential.py.
#include "harness/pickle/pickle_grammar.h"

#include <fstream>
#include <sstream>

#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_values.h"

namespace harness::pickle {
namespace {

using namespace testing_support;
using namespace std::string_literals;

struct UseCase {
  const char* name;
  std::string pickle;
  bool written;
};
void PrintTo(const UseCase& c, std::ostream* out) { *out << c.name; }
class UseTest : public ::testing::TestWithParam<UseCase> {};

TEST_P(UseTest, IsJudged) {
  const checkpoint::Checkpoint checkpoint = OpenPickle(GetParam().pickle);
  EXPECT_THAT(checkpoint.pickle_status(), Succeeds());
  if (GetParam().written) {
    EXPECT_THAT(checkpoint.safety_status(), Succeeds());
  } else {
    EXPECT_THAT(checkpoint.safety_status(),
                FailsWith(ErrorCode::kUnsafe, Parts{"as no writer of checkpoints uses it"}));
  }
}

std::vector<UseCase> UseCases() {
  return {
      {"OrderedDict", kOrdered + ".", true},
      {"OrderedDictOfPairs",
       "ccollections\nOrderedDict\n](NN\x86"
       "e\x85R.",
       false},
      {"OrderedDictMetadata", kOrdered + Items({Text("_metadata"), kOrdered}) + "b.", true},
      {"OrderedDictKeys", kOrdered + Items({Text("keys"), "N"}) + "b.", false},
      {"OrderedDictStateTwice", kOrdered + "}b}b.", false},
      {"Counter", "ccollections\nCounter\n}(K\x01K\x02u\x85R.", true},
      {"CounterOfAList", "ccollections\nCounter\n](" + Text("a") + "e\x85R.", false},
      {"DefaultDict", "ccollections\ndefaultdict\nc__builtin__\ndict\n\x85R.", true},
      {"DefaultDictOfSets", "ccollections\ndefaultdict\nc__builtin__\nset\n\x85R.", true},
      {"DefaultDictOfAFunction", "ccollections\ndefaultdict\nc_codecs\nencode\n\x85R.", false},
      {"Set",
       "c__builtin__\nset\n](K\x01"
       "e\x85R.",
       true},
      {"SetOfLists", "c__builtin__\nset\n](]e\x85R.", false},
      {"CallOfATypeThatIsNamed", "c__builtin__\nstr\n" + Text("os") + "\x85R.", false},
      {"Complex", "c__builtin__\ncomplex\n" + kFloat + kFloat + "\x86R.", true},
      {"Encode", Encoded("x") + ".", true},
      {"EncodeOtherwise", "c_codecs\nencode\n" + Text("x") + Text("idna") + "\x86R.", false},
      {"Path", "cpathlib\nPosixPath\n" + Text("/") + Text("a") + "\x86R.", true},
      {"PathOfANumber", "cpathlib\nPosixPath\nK\x01\x85R.", false},
      {"Namespace", "cargparse\nNamespace\n)\x81" + Items({Text("lr"), kFloat}) + "b.", true},
      {"NamespaceOfArguments", "cargparse\nNamespace\nK\x01\x85\x81.", false},
      {"NamespaceByInst", "(iargparse\nNamespace\n.", false},
      {"NamespaceByObj", "(cargparse\nNamespace\no.", false},
      {"NamespaceByKeywords", "cargparse\nNamespace\n)}\x92.", false},
      {"NamespaceSetsSpecial", "cargparse\nNamespace\n)\x81" + Items({Text("__class__"), "N"}) + "b.", false},
      {"NamespaceStateTwice", "cargparse\nNamespace\n)\x81}b}b.", false},
      {"Reconstructor", "ccopy_reg\n_reconstructor\n(cargparse\nNamespace\nc__builtin__\nobject\nNtR.", true},
      {"ReconstructorOfABase", "ccopy_reg\n_reconstructor\n(c__builtin__\nlist\nc__builtin__\nlist\n]tR.", false},
      {"Size", "ctorch\nSize\n" + kTwo + "\x85\x85R.", true},
      {"SizeOfText", "ctorch\nSize\n" + Text("a") + "\x85\x85R.", false},
      {"Device", "ctorch\ndevice\n" + Text("cuda") + "K\x01\x86R.", true},
      {"DeviceOfNoKind", "ctorch\ndevice\n" + Text("abacus") + "\x85R.", false},
      {"DeviceOfTwoNumbers", "ctorch\ndevice\n" + Text("cuda:1") + "K\x01\x86R.", false},
      {"DeviceOfLetters", "ctorch\ndevice\n" + Text("cuda:x") + "\x85R.", false},
      {"DeviceOfNothing", "ctorch\ndevice\n" + Text("cuda:") + "\x85R.", false},
      {"DeviceOfZeros", "ctorch\ndevice\n" + Text("cuda:01") + "\x85R.", false},
      {"ParameterOfAnObject",
       "ctorch._utils\n_rebuild_parameter\ncargparse\nNamespace\n)\x81\x89" + kOrdered + "\x87R.", false},
      {"Layout", "ctorch.serialization\n_get_layout\n" + Text("torch.strided") + "\x85R.", true},
      {"Version", "ctorch.torch_version\nTorchVersion\n" + Text("2.1.0") + "\x85\x81.", true},
      {"Tensor", kTensor + ".", true},
      {"TensorOfFiveArguments", "ctorch._utils\n_rebuild_tensor_v2\n(NNNNNtR.", false},
      {"TensorNegated",  // a seventh argument can say that the values are to be read with the other sign
       kTensor.substr(0, kTensor.size() - 2) + Items({Text("neg"), "\x88"}) + "tR.", false},
      {"TensorOffsetTrue", Tensor("\x88", kTwo + "\x85", "\x89", kOrdered) + ".", false},
      {"TensorShapeOfAList",
       Tensor("K\0"s,
              "](K\x02"
              "e",
              "\x89", kOrdered) +
           ".",
       false},
      {"TensorGradientOne", Tensor("K\0"s, kTwo + "\x85", "K\x01", kOrdered) + ".", false},
      {"TensorGradientOfIntegers", Tensor("K\0"s, kTwo + "\x85", "\x88", kOrdered, "LongStorage") + ".", false},
      {"TensorHooks", Tensor("K\0"s, kTwo + "\x85", "\x89", kOrdered + "K\x01Ns") + ".", false},
      {"TensorNoHooks", Tensor("K\0"s, kTwo + "\x85", "\x89", "N") + ".", false},
      {"TensorOfATypeAsText",
       "ctorch._utils\n_rebuild_tensor_v3\n(" + PickleWriter().Storage("0", "FloatStorage", 6).str().substr(2) +
           "K\0"s + kTwo + "\x85" + kTwo + "\x85\x89" + kOrdered + Text("float32") + "tR.",
       false},
      {"TensorState", kTensor + "(NK\0"s + kTwo + "\x85" + kTwo + "\x85tb.", false},
      {"TensorStateOfADict", kTensor + "}b.", false},
      {"StorageState", PickleWriter().Storage("0", "FloatStorage", 6).str() + "}b.", false},
      {"Parameter", "ctorch._utils\n_rebuild_parameter\n" + kTensor + "\x88" + kOrdered + "\x87R.", true},
      {"ParameterState",
       "ctorch._utils\n_rebuild_parameter_with_state\n(" + kTensor + "\x88" + kOrdered +
           Items({Text("_fsdp_flattened"), "\x88"}) + "tR.",
       true},
      {"ParameterStateData",
       "ctorch._utils\n_rebuild_parameter_with_state\n(" + kTensor + "\x88" + kOrdered +
           Items({Text("data"), kTensor}) + "tR.",
       false},
      {"FromType", FromType("N") + ".", true},
      {"FromTypeState", FromType(Items({Text("data"), kTensor})) + ".", false},
      {"FromTypeOfAnotherFunction", "ctorch._tensor\n_rebuild_from_type_v2\n(c_codecs\nencode\nctorch\nTensor\n)NtR.",
       false},
      {"Scalar", "cnumpy.core.multiarray\nscalar\n" + Type("f8") + Encoded("12345678") + "\x86R.", true},
      {"ScalarTooShort", "cnumpy.core.multiarray\nscalar\n" + Type("f8") + Encoded("1234567") + "\x86R.", false},
      {"ScalarOfTypeWithoutState", "cnumpy.core.multiarray\nscalar\n" + Type("f8", "") + Encoded("12345678") + "\x86R.",
       false},
      {"DtypeOfObjects", Type("O8") + ".", false},
      {"DtypeOfBytes", Type("V8") + ".", false},
      {"DtypeWithFields", Type("f8", "(K\x03" + Text("<") + "N)}J\x08\0\0\0K\x01K\0t"s) + ".", false},
      {"DtypeWithFlags", Type("f8", "(K\x03" + Text("<") + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ft") + ".", false},
      {"DtypeStateTwice", Type("f8") + "(K\x03" + Text("<") + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb."s, false},
      {"Array", Array(kTwo + "\x85", Type("i4"), Encoded("12345678")) + ".", true},
      {"ArrayTooShort", Array(kTwo + "\x85", Type("i8"), Encoded("12345678")) + ".", false},
      {"ArrayOfNegativeShape", Array("J\xfe\xff\xff\xff\x85", Type("i4"), Encoded("12345678")) + ".", false},
      {"ArrayWithoutMaking", "cnumpy\nndarray\n" + kTwo + "\x85\x85R.", false},
      {"FromBuffer",
       "cnumpy.core.numeric\n_frombuffer\n(" + Encoded("12345678") + Type("f4") + kTwo + "\x85" + Text("C") + "tR.",
       true},
      {"FromBufferBeyond",
       "cnumpy.core.numeric\n_frombuffer\n(" + Encoded("12345678") + Type("f8") + kTwo + "\x85" + Text("C") + "tR.",
       false},
      {"Config", Config("K\x01") + ".", true},
      {"ConfigOfNoParent", Config("K\x01", "N") + ".", true},
      {"ConfigOfAnotherParent", Config("K\x01", "comegaconf.dictconfig\nDictConfig\n)\x81") + ".", false},
      {"ConfigOfATensor", Config(kTensor) + ".", false},
      {"ConfigWithAnswers",
       Config("K\x01", "h\0"s,
              ContainerMetadata("ccollections\ndefaultdict\nc__builtin__\ndict\n\x85R" + Text("r") + "}s")) +
           ".",
       false},
      {"ConfigWithoutMetadata", Config("K\x01", "h\0"s, "N") + ".", false},
      {"ConfigOfPlainValues",
       "comegaconf.dictconfig\nDictConfig\n)\x81" +
           Items({Text("_metadata"), ContainerMetadata(), Text("_parent"), "N", Text("_content"),
                  Items({Text("a"), "K\x01"})}) +
           "b.",
       false},
      {"Distributed", "ctorch.distributed.tensor\nDTensor\n)\x81.", true},
      {"DistributedSetsSpecial", "ctorch.distributed.tensor\nDTensor\n)\x81(" + Items({Text("__class__"), "N"}) + "tb.",
       false},
  };
}
INSTANTIATE_TEST_SUITE_P(Names, UseTest, ::testing::ValuesIn(UseCases()),
                         [](const auto& row) { return std::string(row.param.name); });

// Python 2's names are mapped below protocol 3, dotted ones are looked up from protocol 4 on.
TEST(Grammar, NamesDependOnTheProtocol) {
  const std::string set = "c__builtin__\nset\n.";
  EXPECT_THAT(OpenPickle("\x80\x02" + set).safety_status(), Succeeds());
  EXPECT_THAT(OpenPickle("\x80\x03" + set).safety_status(), FailsWith(ErrorCode::kUnsafe, Parts{"__builtin__.set"}));
  for (const char* dotted : {"ctorch\n_utils._rebuild_tensor_v2\n.", "ctorch\nSize.x\n.", "cevil.torch\nSize\n."}) {
    EXPECT_THAT(OpenPickle(dotted).safety_status(), FailsWith(ErrorCode::kUnsafe, Parts{"imports "})) << dotted;
  }
}

// FORMAT.md says who writes each name, and how.
TEST(Grammar, EveryNameIsDocumented) {
  std::ifstream file(HARNESS_FIXTURES_DIR "/../harness/checkpoint/FORMAT.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const std::string& name : ListKnownNames()) {
    EXPECT_NE(text.str().find("`" + name + "`"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace harness::pickle
