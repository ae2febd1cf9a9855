// For this layer's tests: builders of small archives and pickles, byte by byte, and a matcher for errors.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/result.h"
#include "harness/checkpoint/checkpoint.h"

namespace harness::testing_support {

// Matches a Result that failed with `code` and whose message has every one of `parts`.
MATCHER_P2(FailsWith, code, parts, "") {
  if (arg.ok()) {
    *result_listener << "which succeeded";
    return false;
  }
  *result_listener << "which failed with \"" << Name(arg.error().code) << "\": " << arg.error().message;
  if (arg.error().code != code) return false;
  for (const std::string_view part : std::vector<std::string_view>(parts)) {
    if (arg.error().message.find(part) == std::string::npos) {
      *result_listener << "; it lacks \"" << part << "\"";
      return false;
    }
  }
  return true;
}
using Parts = std::vector<std::string_view>;

MATCHER(Succeeds, "") {
  if (!arg.ok()) *result_listener << Name(arg.error().code) << ": " << arg.error().message;
  return arg.ok();
}

std::span<const std::byte> Bytes(std::string_view text);
template <class T>
std::string Little(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

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

struct ZipEntry {
  std::string name = {};
  std::string data = {};
  bool deflate = false;
  uint16_t flags = 0x0808;  // as torch: sizes in a data descriptor, UTF-8
  bool zip64 = false;       // all sizes and the offset in the ZIP64 extra field
  // Lies, where set.
  std::string local_name = {};
  int method = -1, local_method = -1;
  int64_t size = -1, compressed_size = -1, local_size = -1;
  int64_t header_offset = -1;
  int64_t crc = -1;
  uint32_t external_attributes = 0;
  std::string local_extra = {};  // fields in front of the padding
};

// Aligned as torch's writer does (64 bytes, through an "FB" extra field).
std::string WriteZip(const std::vector<ZipEntry>& entries, std::string_view comment = "", bool zip64_end = false);

// The records of torch.save around a pickle and its storages, in folder "archive".
std::vector<ZipEntry> TorchEntries(std::string_view pickle,
                                   const std::vector<std::pair<std::string, std::string>>& storages);

// An export: best_state {a: float32 [2, 3], b: float16 [4]}, xp.cfg, version, exported.
std::string SmallExportPickle();
std::vector<ZipEntry> SmallExport();

// `bytes` as a file of that name, opened.
MappedFile FileOf(std::string_view bytes, const std::string& name = "state_dict.bin");
Checkpoint Open(std::string_view bytes, Checkpoint::Payload deflated = Checkpoint::Payload::kNow);
Checkpoint OpenPickle(std::string_view pickle);  // in an archive without storages

}  // namespace harness::testing_support
