// Each use that a writer has, with one part of it changed, left out or added: all that is read nevertheless is listed.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "harness/pickle/pickle_reader.h"
#include "harness/pickle/pickle_safety.h"
#include "harness/testing/pickle_values.h"

namespace harness::pickle {
namespace {

using namespace testing_support;

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
  const Reading reading = ReadPickle(Bytes(pickle), "f");
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

}  // namespace
}  // namespace harness::pickle
