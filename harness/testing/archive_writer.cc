#include "harness/testing/archive_writer.h"

#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>

#include "harness/archive/crc32.h"
#include "harness/testing/bytes.h"

namespace harness::testing_support {

std::string WriteZip(const std::vector<ZipEntry>& entries, std::string_view comment, bool zip64_end) {
  std::string out, directory;
  for (const ZipEntry& entry : entries) {
    std::string payload = entry.data;
    if (entry.deflate) {
      libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
      payload.resize(libdeflate_deflate_compress_bound(compressor, entry.data.size()));
      payload.resize(libdeflate_deflate_compress(compressor, entry.data.data(), entry.data.size(), payload.data(),
                                                 payload.size()));
      libdeflate_free_compressor(compressor);
    }
    const auto method = static_cast<uint16_t>(entry.method >= 0 ? entry.method : entry.deflate ? 8 : 0);
    const auto size = static_cast<uint64_t>(entry.size >= 0 ? entry.size : static_cast<int64_t>(entry.data.size()));
    const auto compressed = static_cast<uint64_t>(entry.compressed_size >= 0 ? entry.compressed_size
                                                                             : static_cast<int64_t>(payload.size()));
    const auto crc = static_cast<uint32_t>(entry.crc >= 0 ? entry.crc : archive::ComputeCrc32(0, Bytes(entry.data)));
    const uint64_t offset = out.size();
    const auto directory_offset =
        static_cast<uint64_t>(entry.header_offset >= 0 ? entry.header_offset : static_cast<int64_t>(offset));
    const std::string name = entry.local_name.empty() ? entry.name : entry.local_name;
    const bool descriptor = (entry.flags & 8) != 0;
    const size_t head = out.size() + 30 + name.size() + entry.local_extra.size() + 4;
    const std::string padding((64 - head % 64) % 64, 'Z');
    const uint32_t local_size = entry.local_size >= 0 ? static_cast<uint32_t>(entry.local_size)
                                : descriptor          ? 0
                                                      : static_cast<uint32_t>(size);
    out += "PK\x03\x04" + Little<uint16_t>(20) + Little(entry.flags) +
           Little(static_cast<uint16_t>(entry.local_method >= 0 ? entry.local_method : method)) + Little<uint32_t>(0) +
           Little<uint32_t>(descriptor ? 0 : crc) +
           Little<uint32_t>(descriptor ? 0 : static_cast<uint32_t>(compressed)) + Little(local_size) +
           Little(static_cast<uint16_t>(name.size())) +
           Little(static_cast<uint16_t>(entry.local_extra.size() + padding.size() + 4)) + name + entry.local_extra +
           "FB" + Little(static_cast<uint16_t>(padding.size())) + padding + payload;
    if (descriptor) {
      out += "PK\x07\x08" + Little(crc) + Little(static_cast<uint32_t>(payload.size())) +
             Little(static_cast<uint32_t>(entry.data.size()));
    }
    const auto field = [&](uint64_t value) { return Little(entry.zip64 ? UINT32_MAX : static_cast<uint32_t>(value)); };
    const std::string extra = entry.zip64 ? Little<uint16_t>(0x5455) + Little<uint16_t>(1) + "x" + Little<uint16_t>(1) +
                                                Little<uint16_t>(24) + Little(size) + Little(compressed) +
                                                Little(directory_offset)
                                          : "";
    directory += "PK\x01\x02" + Little<uint16_t>(0) + Little<uint16_t>(0) + Little(entry.flags) + Little(method) +
                 Little<uint32_t>(0) + Little(crc) + field(compressed) + field(size) +
                 Little(static_cast<uint16_t>(entry.name.size())) + Little(static_cast<uint16_t>(extra.size())) +
                 Little<uint16_t>(0) + Little<uint16_t>(0) + Little<uint16_t>(0) + Little(entry.external_attributes) +
                 field(directory_offset) + entry.name + extra;
  }
  const uint64_t at = out.size();
  out += directory;
  if (zip64_end) {
    const uint64_t end64 = out.size();
    const auto count = static_cast<uint64_t>(entries.size());
    out += "PK\x06\x06" + Little<uint64_t>(44) + Little<uint16_t>(45) + Little<uint16_t>(45) + Little<uint32_t>(0) +
           Little<uint32_t>(0) + Little(count) + Little(count) + Little<uint64_t>(directory.size()) + Little(at);
    out += "PK\x06\x07" + Little<uint32_t>(0) + Little(end64) + Little<uint32_t>(1);
  }
  out += "PK\x05\x06" + Little<uint32_t>(0) + Little(static_cast<uint16_t>(zip64_end ? 0xffff : entries.size())) +
         Little(static_cast<uint16_t>(zip64_end ? 0xffff : entries.size())) +
         Little(zip64_end ? UINT32_MAX : static_cast<uint32_t>(directory.size())) +
         Little(zip64_end ? UINT32_MAX : static_cast<uint32_t>(at)) + Little(static_cast<uint16_t>(comment.size())) +
         std::string(comment);
  return out;
}

static std::string Field(std::string text, size_t size) {
  text.resize(size, '\0');
  return text;
}

std::string TarHeader(const std::string& name, size_t size, bool with_sign, const char* checksum) {
  std::string header(512, '\0');
  const auto put = [&header](size_t at, std::string_view text) { std::copy(text.begin(), text.end(), &header[at]); };
  put(0, name);
  put(100, "0000644");  // mode
  put(108, "0000000");  // owner
  put(116, "0000000");  // group
  put(124, fmt::format("{:011o}", size));
  put(136, "00000000000");  // time
  put(148, "        ");     // the checksum, which counts as blanks
  put(156, "0");            // a file
  int64_t sum = 0;
  for (const char c : header) sum += with_sign ? static_cast<signed char>(c) : static_cast<unsigned char>(c);
  put(148, Field(fmt::format(fmt::runtime(checksum), sum), 8));
  return header;
}

std::string TarMember(const std::string& name, const std::string& data) {
  return TarHeader(name, data.size()) + Field(data, (data.size() + 511) / 512 * 512);
}

}  // namespace harness::testing_support
