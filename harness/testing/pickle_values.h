// Pickled values as their writers have them, opcode by opcode, without PROTO and STOP.
#pragma once

#include <string>
#include <vector>

#include "harness/testing/bytes.h"
#include "harness/testing/pickle_writer.h"

namespace harness::testing_support {

using std::string_literals::operator""s;

inline const std::string kOrdered = "ccollections\nOrderedDict\n)R", kTwo = "K\x02",
                         kFloat = std::string("G\x3f\xf8\0\0\0\0\0\0", 9);
inline std::string Text(const std::string& text) { return "X" + Little(static_cast<uint32_t>(text.size())) + text; }
inline std::string Encoded(const std::string& text) {
  return "c_codecs\nencode\n" + Text(text) + Text("latin1") + "\x86R";
}
inline std::string Items(const std::vector<std::string>& keys_and_values) {
  std::string out = "}(";
  for (const std::string& part : keys_and_values) out += part;
  return out + "u";
}

// numpy.dtype(code, False, True) with a state.
inline std::string Type(const std::string& code,
                        const std::string& state = "(K\x03" + Text("<") +
                                                   "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0t"s) {
  return "cnumpy\ndtype\n" + Text(code) + "\x89\x88\x87R" + (state.empty() ? "" : state + "b");
}
inline std::string Array(const std::string& shape, const std::string& type, const std::string& bytes) {
  return "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85"s + Encoded("b") + "\x87R(K\x01" + shape +
         type + "\x89" + bytes + "tb";
}
inline std::string Tensor(const std::string& offset, const std::string& shape, const std::string& grad,
                          const std::string& hooks, const std::string& type = "FloatStorage") {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + PickleWriter().Storage("0", type, 6).str().substr(2) + offset +
         shape + shape + grad + hooks + "tR";
}
inline const std::string kTensor = Tensor("K\0"s, kTwo + "\x85", "\x89", kOrdered);
inline std::string FromType(const std::string& state) {
  return "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\nTensor\n(" +
         PickleWriter().Storage("0", "FloatStorage", 6).str().substr(2) + "K\0"s + kTwo + "\x85" + kTwo + "\x85\x89" +
         kOrdered + "t" + state + "tR";
}
inline const std::string kMetadata =
    "comegaconf.base\nMetadata\n)\x81" +
    Items({Text("ref_type"), "ctyping\nAny\n", Text("object_type"), "N", Text("optional"), "\x88", Text("key"), "N",
           Text("flags"), "}", Text("flags_root"), "\x89"}) +
    "b";
inline std::string ContainerMetadata(
    const std::string& cache = "ccollections\ndefaultdict\nc__builtin__\ndict\n\x85R") {
  return "comegaconf.base\nContainerMetadata\n)\x81" +
         Items({Text("ref_type"), "ctyping\nAny\n", Text("object_type"), "c__builtin__\ndict\n", Text("optional"),
                "\x88", Text("key"), "N", Text("resolver_cache"), cache}) +
         "b";
}
// {"a": VALUE} as a DictConfig whose node says that `parent` is around it; memo entry 0 is the DictConfig.
inline std::string Config(const std::string& value, const std::string& parent = "h\0"s,
                          const std::string& metadata = ContainerMetadata()) {
  const std::string node = "comegaconf.nodes\nAnyNode\n)\x81" +
                           Items({Text("_metadata"), kMetadata, Text("_parent"), parent, Text("_val"), value}) + "b";
  return "comegaconf.dictconfig\nDictConfig\n)\x81q\0"s +
         Items({Text("_metadata"), metadata, Text("_parent"), "N", Text("_content"), Items({Text("a"), node})}) + "b";
}

}  // namespace harness::testing_support
