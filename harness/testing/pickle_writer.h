// Pickles, opcode by opcode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace harness::testing_support {

// Opcodes one after the other. Text out of Str() is BINUNICODE, numbers out of Int() are BININT.
class PickleWriter {
 public:
  PickleWriter& Raw(std::string_view bytes);
  PickleWriter& Str(std::string_view text);
  PickleWriter& Int(int32_t value);
  PickleWriter& Long(int64_t value);
  PickleWriter& Global(std::string_view module, std::string_view name);
  PickleWriter& Ints(const std::vector<int64_t>& values);  // a tuple
  PickleWriter& Legacy();  // from here on storages are named as the legacy format names them
  // The call of _rebuild_tensor_v2 on a storage, as torch.save writes it.
  PickleWriter& Storage(std::string_view key, std::string_view type, int64_t num_elements);
  PickleWriter& Tensor(std::string_view key, std::string_view type, int64_t num_elements,
                       const std::vector<int64_t>& shape, const std::vector<int64_t>& strides, int64_t offset = 0);
  std::string Stop() const { return out_ + "."; }
  const std::string& str() const { return out_; }

 private:
  std::string out_ = std::string("\x80\x02", 2);
  bool legacy_ = false;
};

}  // namespace harness::testing_support
