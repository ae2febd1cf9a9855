#include "harness/testing/test_support.h"

#include <libdeflate.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "harness/archive/crc32.h"

namespace harness::testing_support {

std::span<const std::byte> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

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
    const auto crc = static_cast<uint32_t>(entry.crc >= 0 ? entry.crc : Crc32(0, Bytes(entry.data)));
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

std::vector<ZipEntry> TorchEntries(std::string_view pickle,
                                   const std::vector<std::pair<std::string, std::string>>& storages) {
  std::vector<ZipEntry> entries = {{.name = "archive/data.pkl", .data = std::string(pickle)},
                                   {.name = "archive/byteorder", .data = "little"}};
  for (const auto& [key, data] : storages) entries.push_back({.name = "archive/data/" + key, .data = data});
  entries.push_back({.name = "archive/version", .data = "3\n"});
  entries.push_back({.name = "archive/.data/serialization_id", .data = "0123456789"});
  return entries;
}

std::string SmallExportPickle() {
  return PickleWriter()
      .Raw("}(")
      .Str("best_state")
      .Global("collections", "OrderedDict")
      .Raw(")R(")
      .Str("a")
      .Tensor("0", "FloatStorage", 6, {2, 3}, {3, 1})
      .Str("b")
      .Tensor("1", "HalfStorage", 4, {4}, {1})
      .Raw("u")
      .Str("xp.cfg")
      .Str("sample_rate: 32000\n")
      .Str("version")
      .Str("1.3.0")
      .Str("exported")
      .Raw("\x88")
      .Raw("u")
      .Stop();
}

std::vector<ZipEntry> SmallExport() {
  std::string floats, halves;
  for (int i = 1; i <= 6; ++i) floats += Little(static_cast<float>(i));
  for (const uint16_t half : {0x3c00, 0x4000, 0xc200, 0x0000}) halves += Little(half);  // 1, 2, -3, 0
  return TorchEntries(SmallExportPickle(), {{"0", floats}, {"1", halves}});
}

MappedFile FileOf(std::string_view bytes, const std::string& name) {
  static int count = 0;
  const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) /
                                       ("checkpoint_test_" + std::to_string(getpid()) + "_" + std::to_string(count++));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / name, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  Result<MappedFile> file = MappedFile::Open(folder / name);
  std::filesystem::remove_all(folder);  // the mapping stays
  if (!file.ok()) throw std::runtime_error(file.error().message);
  return std::move(file).value();
}

Checkpoint Open(std::string_view bytes, Checkpoint::Payload deflated) {
  return Checkpoint::Read(FileOf(bytes), deflated);
}

Checkpoint OpenPickle(std::string_view pickle) { return Open(WriteZip(TorchEntries(pickle, {}))); }

}  // namespace harness::testing_support
