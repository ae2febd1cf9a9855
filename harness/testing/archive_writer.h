// Archives, byte by byte, lies included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace harness::testing_support {

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

// A member of a tar archive of the oldest kind (V7: nothing but zeros behind offset 157), padded to its block.
std::string TarMember(const std::string& name, const std::string& data);
// Its header; `checksum` formats its sum, `with_sign` sums signed bytes.
std::string TarHeader(const std::string& name, size_t size, bool with_sign = false, const char* checksum = "{:06o}\0 ");

}  // namespace harness::testing_support
