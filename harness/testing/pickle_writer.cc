#include "harness/testing/pickle_writer.h"

#include "harness/testing/bytes.h"

namespace harness::testing_support {

PickleWriter& PickleWriter::Raw(std::string_view bytes) {
  out_ += bytes;
  return *this;
}
PickleWriter& PickleWriter::Str(std::string_view text) {
  return Raw("X").Raw(Little(static_cast<uint32_t>(text.size()))).Raw(text);
}
PickleWriter& PickleWriter::Int(int32_t value) { return Raw("J").Raw(Little(value)); }
PickleWriter& PickleWriter::Long(int64_t value) { return Raw("\x8a\x08").Raw(Little(value)); }
PickleWriter& PickleWriter::Global(std::string_view module, std::string_view name) {
  return Raw("c").Raw(module).Raw("\n").Raw(name).Raw("\n");
}
PickleWriter& PickleWriter::Ints(const std::vector<int64_t>& values) {
  Raw("(");
  for (const int64_t value : values) Long(value);
  return Raw("t");
}
PickleWriter& PickleWriter::Storage(std::string_view key, std::string_view type, int64_t num_elements) {
  return Raw("(")
      .Str("storage")
      .Global("torch", type)
      .Str(key)
      .Str("cpu")
      .Long(num_elements)
      .Raw(legacy_ ? "NtQ" : "tQ");
}
PickleWriter& PickleWriter::Legacy() {
  legacy_ = true;
  return *this;
}
PickleWriter& PickleWriter::Tensor(std::string_view key, std::string_view type, int64_t num_elements,
                                   const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                                   int64_t offset) {
  Global("torch._utils", "_rebuild_tensor_v2").Raw("(").Storage(key, type, num_elements).Long(offset);
  return Ints(shape).Ints(strides).Raw("\x89").Global("collections", "OrderedDict").Raw(")RtR");
}

}  // namespace harness::testing_support
