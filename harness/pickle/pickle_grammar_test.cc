// Each known name in the one way that its writer has, and in others. The pickles that real writers make are held in
// fixtures and by scripts/oracle/load_differential.py.
#include "harness/pickle/pickle_grammar.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <sstream>

#include "harness/pickle/pickle_reader.h"
#include "harness/pickle/pickle_safety.h"
#include "harness/testing/bytes.h"
#include "harness/testing/checkpoints.h"
#include "harness/testing/matchers.h"
#include "harness/testing/pickle_writer.h"

namespace harness {
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
  const Checkpoint checkpoint = OpenPickle(GetParam().pickle);
  EXPECT_THAT(checkpoint.pickle_status(), Succeeds());
  if (GetParam().written) {
    EXPECT_THAT(checkpoint.safety_status(), Succeeds());
  } else {
    EXPECT_THAT(checkpoint.safety_status(),
                FailsWith(ErrorCode::kUnsafe, Parts{"as no writer of checkpoints uses it"}));
  }
}

const std::string kOrdered = "ccollections\nOrderedDict\n)R", kTwo = "K\x02", kFloat = "G\x3f\xf8\0\0\0\0\0\0"s;
std::string Text(const std::string& text) { return "X" + Little(static_cast<uint32_t>(text.size())) + text; }
std::string Encoded(const std::string& text) { return "c_codecs\nencode\n" + Text(text) + Text("latin1") + "\x86R"; }
std::string Items(const std::vector<std::string>& keys_and_values) {
  std::string out = "}(";
  for (const std::string& part : keys_and_values) out += part;
  return out + "u";
}

// numpy.dtype(code, False, True) with a state.
std::string Type(const std::string& code,
                 const std::string& state = "(K\x03" + Text("<") + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0t"s) {
  return "cnumpy\ndtype\n" + Text(code) + "\x89\x88\x87R" + (state.empty() ? "" : state + "b");
}
std::string Array(const std::string& shape, const std::string& type, const std::string& bytes) {
  return "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85"s + Encoded("b") + "\x87R(K\x01" + shape +
         type + "\x89" + bytes + "tb";
}
std::string Tensor(const std::string& offset, const std::string& shape, const std::string& grad,
                   const std::string& hooks, const std::string& type = "FloatStorage") {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + PickleWriter().Storage("0", type, 6).str().substr(2) + offset +
         shape + shape + grad + hooks + "tR";
}
const std::string kTensor = Tensor("K\0"s, kTwo + "\x85", "\x89", kOrdered);
std::string FromType(const std::string& state) {
  return "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n(" +
         PickleWriter().Storage("0", "FloatStorage", 6).str().substr(2) + "K\0"s + kTwo + "\x85" + kTwo + "\x85\x89" +
         kOrdered + "t" + state + "tR";
}
const std::string kMetadata = "comegaconf.base\nMetadata\n)\x81" +
                              Items({Text("ref_type"), "ctyping\nAny\n", Text("object_type"), "N", Text("optional"),
                                     "\x88", Text("key"), "N", Text("flags"), "}", Text("flags_root"), "\x89"}) +
                              "b";
std::string ContainerMetadata(const std::string& cache = "ccollections\ndefaultdict\nc__builtin__\ndict\n\x85R") {
  return "comegaconf.base\nContainerMetadata\n)\x81" +
         Items({Text("ref_type"), "ctyping\nAny\n", Text("object_type"), "c__builtin__\ndict\n", Text("optional"),
                "\x88", Text("key"), "N", Text("resolver_cache"), cache}) +
         "b";
}
// {"a": VALUE} as a DictConfig whose node says that `parent` is around it; memo entry 0 is the DictConfig.
std::string Config(const std::string& value, const std::string& parent = "h\0"s,
                   const std::string& metadata = ContainerMetadata()) {
  const std::string node = "comegaconf.nodes\nAnyNode\n)\x81" +
                           Items({Text("_metadata"), kMetadata, Text("_parent"), parent, Text("_val"), value}) + "b";
  return "comegaconf.dictconfig\nDictConfig\n)\x81q\0"s +
         Items({Text("_metadata"), metadata, Text("_parent"), "N", Text("_content"), Items({Text("a"), node})}) + "b";
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

// One use as its writer has it, cut into its parts: values of a tuple, or, with keys, of a dict.
struct Written {
  const char* name;
  std::string before;
  std::vector<std::string> keys, parts;
  std::string after;  // the opcode
  std::string also;   // what else is read, of all that differs in one place: "part=value", "no part", "more"
  bool is_dict = !keys.empty();
};
void PrintTo(const Written& c, std::ostream* out) { *out << c.name; }
class NearMissTest : public ::testing::TestWithParam<Written> {};

bool IsRead(const Written& use) {
  std::string pickle = use.before + (use.is_dict ? "}(" : "(");
  for (size_t i = 0; i < use.parts.size(); ++i) pickle += (use.is_dict ? Text(use.keys[i]) : "") + use.parts[i];
  pickle += (use.is_dict ? "u" : "t") + use.after + ".";
  const PickleReading reading = ReadPickle(Bytes(pickle), "f");
  return reading.status.ok() && DescribeForeign(reading, "f").ok() && reading.storage_problems.empty() &&
         reading.tensor_problems.empty();
}

// Every part replaced by something of another kind, left out, or followed by one more; and another opcode.
TEST_P(NearMissTest, IsRefused) {
  const Written& use = GetParam();
  ASSERT_TRUE(IsRead(use));
  const std::pair<const char*, std::string> others[] = {
      {"none", "N"},
      {"true", "\x88"},
      {"false", "\x89"},
      {"-1", "J\xff\xff\xff\xff"},
      {"0", "K\0"s},
      {"7", "K\x07"},
      {"300", "M\x2c\x01"},
      {"float", kFloat},
      {"text", Text("x")},
      {"bytes", Encoded("x")},
      {"list", "]"},
      {"tuple", ")"},
      {"numbers", "K\x07\x85"},
      {"texts", Text("x") + "\x85"},
      {"dict", "}"},
      {"dict of a text", Items({Text("x"), "K\x01"})},
      {"special", Items({Text("__class__"), "N"})},
      {"ordered", kOrdered},
      {"type", "c__builtin__\nlist\n"},
      {"class", "cargparse\nNamespace\n"},
      {"function", "c_codecs\nencode\n"},
      {"object", "cargparse\nNamespace\n)\x81"},
      {"tensor", kTensor},
  };
  std::vector<std::string> also;
  for (size_t i = 0; i < use.parts.size(); ++i) {
    Written other = use;
    const std::string part = use.is_dict ? use.keys[i] : std::to_string(i);
    std::vector<std::string> read;
    bool all = true;
    for (const auto& [kind, bytes] : others) {
      other.parts[i] = bytes;
      if (IsRead(other)) {
        if (bytes != use.parts[i]) read.push_back(part + "=" + kind);
      } else {
        all = false;
      }
    }
    if (all) read = {part + "=anything"};
    also.insert(also.end(), read.begin(), read.end());
    other.parts.erase(other.parts.begin() + static_cast<std::ptrdiff_t>(i));
    if (use.is_dict) other.keys.erase(other.keys.begin() + static_cast<std::ptrdiff_t>(i));
    if (IsRead(other)) also.push_back("no " + part);
  }
  Written other = use;
  other.parts.push_back("N");
  other.keys.push_back("other");
  if (IsRead(other)) also.push_back("more");
  if (use.after == "R" || use.after == "\x81") {
    other = use;
    other.after = use.after == "R" ? "\x81" : "R";
    if (IsRead(other)) also.push_back("opcode");
  }
  EXPECT_EQ(fmt::format("{}", fmt::join(also, ", ")), use.also);
}

std::vector<Written> WrittenUses() {
  const std::string object = "c__builtin__\nobject\n",
                    storage = PickleWriter().Storage("0", "FloatStorage", 6).str().substr(2);
  const std::string shape = kTwo + "\x85", minus = "J\xff\xff\xff\xff", any = "ctyping\nAny\n";
  const auto new_object = [](const std::string& name) { return "c" + name + "\n)\x81"; };
  const auto v2 = [&](const std::string& type) {
    return std::vector<std::string>{
        PickleWriter().Storage("0", type, 6).str().substr(2), "K\0"s, shape, shape, "\x89", kOrdered};
  };
  return {
      {"OrderedDict", "ccollections\nOrderedDict\n", {}, {}, "R", ""},
      {"OrderedDictState",
       kOrdered,
       {"_metadata"},
       {kOrdered},
       "b",
       "_metadata=dict, _metadata=dict of a text, _metadata=special, no _metadata"},
      {"DefaultDict", "ccollections\ndefaultdict\n", {}, {"c__builtin__\ndict\n"}, "R", "0=type, no 0"},
      {"Counter", "ccollections\nCounter\n", {}, {Items({"K\x01", kTwo})}, "R", "0=dict, 0=dict of a text"},
      {"Set", "c__builtin__\nset\n", {}, {"](K\x01\x65"}, "R", "0=list"},
      {"BytesOfNothing", "c__builtin__\nbytes\n", {}, {}, "R", ""},
      {"ByteArray", "c__builtin__\nbytearray\n", {}, {Encoded("ab")}, "R", "0=bytes, no 0"},
      {"ByteArrayOfText", "c__builtin__\nbytearray\n", {}, {Text("ab"), Text("latin-1")}, "R", "0=text"},
      {"Encode", "c_codecs\nencode\n", {}, {Text("ab"), Text("latin1")}, "R", "0=text"},
      {"Complex", "c__builtin__\ncomplex\n", {}, {kFloat, kFloat + ""}, "R", ""},
      {"Path", "cpathlib\nPosixPath\n", {}, {Text("/"), Text("a")}, "R", "0=text, no 0, 1=text, no 1"},
      {"Namespace", "cargparse\nNamespace\n", {}, {}, "\x81", ""},
      {"NamespaceState", "cargparse\nNamespace\n)\x81", {"lr"}, {kFloat}, "b", "lr=anything, no lr, more"},
      {"Reconstructor", "ccopy_reg\n_reconstructor\n", {}, {"cargparse\nNamespace\n", object, "N"}, "R", ""},
      {"Size", "ctorch\nSize\n", {}, {shape}, "R", "0=tuple, 0=numbers"},
      {"Device", "ctorch\ndevice\n", {}, {Text("cuda:1")}, "R", ""},
      {"DeviceOfANumber", "ctorch\ndevice\n", {}, {Text("cuda"), "K\x01"}, "R", "1=0, 1=7, no 1"},
      {"Layout", "ctorch.serialization\n_get_layout\n", {}, {Text("torch.strided")}, "R", ""},
      {"Version", "ctorch.torch_version\nTorchVersion\n", {}, {Text("2.1.0")}, "\x81", "0=text"},
      {"Tensor",
       "ctorch._utils\n_rebuild_tensor\n",
       {},
       {storage, "K\0"s, shape, shape},
       "R",
       "1=-1, 1=7, 1=300, 2=numbers, 3=numbers"},
      {"TensorV2",
       "ctorch._utils\n_rebuild_tensor_v2\n",
       {},
       v2("FloatStorage"),
       "R",
       "1=-1, 1=7, 1=300, 2=numbers, 3=numbers, 4=true"},
      {"TensorV2OfIntegers",
       "ctorch._utils\n_rebuild_tensor_v2\n",
       {},
       v2("LongStorage"),
       "R",
       "1=-1, 1=7, 1=300, 2=numbers, 3=numbers"},
      {"TensorV3",
       "ctorch._utils\n_rebuild_tensor_v3\n",
       {},
       {storage, "K\0"s, shape, shape, "\x89", kOrdered, "ctorch\nfloat32\n"},
       "R",
       "1=-1, 1=7, 1=300, 2=numbers, 3=numbers, 4=true"},
      {"Parameter", "ctorch._utils\n_rebuild_parameter\n", {}, {kTensor, "\x88", kOrdered}, "R", "1=false"},
      {"ParameterState",
       "ctorch._utils\n_rebuild_parameter_with_state\n",
       {},
       {kTensor, "\x88", kOrdered, "N"},
       "R",
       "1=false, 3=dict"},
      {"TensorFlags",
       "ctorch._utils\n_rebuild_parameter_with_state\n(" + kTensor + "\x88" + kOrdered,
       {"_fsdp_flattened"},
       {"\x88"},
       "tR",
       "_fsdp_flattened=anything, no _fsdp_flattened"},
      {"FromType",
       "ctorch._tensor\n_rebuild_from_type_v2\n",
       {},
       {"ctorch._utils\n_rebuild_tensor_v2\n", "ctorch\nTensor\n",
        "(" + fmt::format("{}", fmt::join(v2("FloatStorage"), "")) + "t", "N"},
       "R",
       "3=dict"},
      {"FromTypeOfAParameter",
       "ctorch._tensor\n_rebuild_from_type_v2\n",
       {},
       {"ctorch._utils\n_rebuild_parameter\n", "ctorch.nn.parameter\nParameter\n",
        "(" + kTensor + "\x88" + kOrdered + "t", "N"},
       "R",
       "3=dict"},
      {"Dtype", "cnumpy\ndtype\n", {}, {Text("f4"), "\x89", "\x88"}, "R", "1=0"},
      {"DtypeState", Type("f4", ""), {}, {"K\x03", Text("<"), "N", "N", "N", minus, minus, "K\0"s}, "b", ""},
      {"Scalar", "cnumpy.core.multiarray\nscalar\n", {}, {Type("i1"), Encoded("1")}, "R", "1=bytes"},
      {"ArrayMade",
       "cnumpy.core.multiarray\n_reconstruct\n",
       {},
       {"cnumpy\nndarray\n", "K\0\x85"s, Encoded("b")},
       "R",
       ""},
      {"ArrayState",
       "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85"s + Encoded("b") + "tR",
       {},
       {"K\x01", shape, Type("i4"), "\x89", Encoded("12345678")},
       "b",
       "3=true"},
      {"FromBuffer",
       "cnumpy.core.numeric\n_frombuffer\n",
       {},
       {Encoded("12345678"), Type("f4"), shape, Text("C")},
       "R",
       ""},
      {"Container",
       "comegaconf.dictconfig\nDictConfig\n)\x81q\0"s,
       {"_metadata", "_parent", "_content"},
       {ContainerMetadata(), "N", "}"},
       "b",
       "_content=none, _content=text"},
      {"List",
       new_object("omegaconf.listconfig\nListConfig"),
       {"_metadata", "_parent", "_content"},
       {ContainerMetadata(), "N", "]"},
       "b",
       "_content=none, _content=text"},
      {"Node",
       new_object("omegaconf.nodes\nAnyNode"),
       {"_metadata", "_parent", "_val"},
       {kMetadata, "N", "K\x01"},
       "b",
       "_val=none, _val=true, _val=false, _val=-1, _val=0, _val=7, _val=300, _val=float, _val=text, _val=bytes"},
      {"NodeMetadata",
       new_object("omegaconf.base\nMetadata"),
       {"ref_type", "object_type", "optional", "key", "flags", "flags_root", "resolver_cache"},
       {any, "N", "\x88", "N", "}", "\x89", "}"},
       "b",
       "ref_type=none, ref_type=type, object_type=type, no object_type, optional=false, key=true, key=false, key=-1, "
       "key=0, key=7, key=300, key=float, key=text, key=bytes, flags=none, flags=dict of a text, no flags, "
       "flags_root=true, no flags_root, resolver_cache=ordered, no resolver_cache"},
      {"ContainerMetadata",
       new_object("omegaconf.base\nContainerMetadata"),
       {"ref_type", "object_type", "optional", "key", "key_type", "element_type"},
       {any, "c__builtin__\ndict\n", "\x88", "N", any, any},
       "b",
       "ref_type=none, ref_type=type, object_type=none, object_type=type, no object_type, optional=false, key=true, "
       "key=false, key=-1, key=0, key=7, key=300, key=float, key=text, key=bytes, key_type=none, key_type=type, no "
       "key_type, element_type=none, element_type=type, no element_type"},
      {"Distributed", new_object("torch.distributed.tensor\nDTensor"), {"a"}, {"N"}, "b", "a=anything, no a, more"},
      {"Wrapper",
       "ctorch._tensor\n_rebuild_from_type_v2\n",
       {},
       {"ctorch._utils\n_rebuild_wrapper_subclass\n", "ctorch.distributed.tensor\nDTensor\n", ")", "N"},
       "R",
       "2=numbers, 2=texts, 3=anything"},
      {"WrapperCall",
       "ctorch._utils\n_rebuild_wrapper_subclass\n",
       {},
       {"ctorch.distributed.tensor\nDTensor\n", "N"},
       "R",
       "1=anything, no 1, more"},
  };
}
INSTANTIATE_TEST_SUITE_P(Names, NearMissTest, ::testing::ValuesIn(WrittenUses()),
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
  for (const std::string& name : KnownNames()) {
    EXPECT_NE(text.str().find("`" + name + "`"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace harness
