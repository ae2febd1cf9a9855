#include "harness/archive/zip_archive.h"

#include <fmt/format.h>
#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>

#include "harness/archive/zip_layout.h"
#include "harness/base/little_endian.h"
#include "harness/base/safe_text.h"

namespace harness::archive {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint16_t kDataDescriptor = 8;
// Encrypted, strongly encrypted, masked directory; compressed patch data: miniz, which PyTorch reads with, refuses
// each.
constexpr uint16_t kEncrypted = 0x1 | 0x40 | 0x2000, kPatched = 0x20;
// Deflate can't do better than 258 bytes for 2 bits, 1032 : 1; the rest is for block headers of tiny records.
constexpr uint64_t kMaxDeflateRatio = 1032, kDeflateSlack = 64;

}  // namespace

Result<std::unique_ptr<ZipArchive>> ZipArchive::Open(std::span<const std::byte> file, std::string file_name) {
  std::unique_ptr<ZipArchive> archive(new ZipArchive);
  archive->file_ = file;
  archive->file_name_ = std::move(file_name);
  HARNESS_ASSIGN_OR_RETURN(archive->directory_, ReadZipDirectory(file, archive->file_name_));
  archive->status_ = archive->CheckRecords();
  CheckZipNames(archive->directory_);
  if (archive->status_.ok()) CheckZipLayout(file, archive->directory_);
  return archive;
}

std::optional<size_t> ZipArchive::Find(std::string_view name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

Status ZipArchive::CheckRecords() {
  std::vector<ZipRecord>& records = directory_.records;
  Findings problems;
  for (size_t i = 0; i < records.size(); ++i) {
    if (std::optional<Error> error = CheckLocalHeader(records[i])) problems.Add("{}", error->message);
    if (!by_name_.insert_or_assign(records[i].name, i).second) {
      problems.Add("record {} is in the directory twice (again at offset {})", Printable(records[i].name),
                   records[i].header_offset);
    }
  }
  std::vector<size_t> order(records.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return records[a].header_offset < records[b].header_offset; });
  for (size_t i = 0, last = SIZE_MAX; i < order.size(); ++i) {
    const ZipRecord& record = records[order[i]];
    if (!record.readable) continue;
    if (last != SIZE_MAX) {
      const ZipRecord& before = records[last];
      if (before.data_offset + before.compressed_size > record.header_offset) {
        problems.Add("records {} (bytes {} to {}) and {} (from {}) overlap", Printable(before.name),
                     before.header_offset, before.data_offset + before.compressed_size, Printable(record.name),
                     record.header_offset);
      }
    }
    const auto end = [&](size_t r) { return records[r].data_offset + records[r].compressed_size; };
    if (last == SIZE_MAX || end(order[i]) > end(last)) last = order[i];
  }
  if (problems.empty()) return {};
  return Error{
      ErrorCode::kCorrupt,
      fmt::format("{}: the ZIP archive is damaged, or another program changed it: {}", file_name_, problems.Text()),
      "Copy the file as it was written, or export it again"};
}

std::optional<Error> ZipArchive::CheckLocalHeader(ZipRecord& record) const {
  const auto corrupt = [&](std::string what) { return Error{ErrorCode::kCorrupt, std::move(what)}; };
  const uint64_t at = record.header_offset;
  if (at > directory_.offset || directory_.offset - at < kLocalHeaderSize) {
    return corrupt(fmt::format("record {} should start at offset {}, outside the {} bytes before the directory",
                               Printable(record.name), at, directory_.offset));
  }
  const std::byte* header = &file_[at];
  if (LoadLittle<uint32_t>(header) != kLocalSignature) {
    return corrupt(fmt::format("record {} has no local header at offset {} (found the bytes {:08x}, expected PK\\3\\4)",
                               Printable(record.name), at, LoadLittle<uint32_t>(header)));
  }
  const size_t name_size = LoadLittle<uint16_t>(header + 26);
  const uint64_t head = kLocalHeaderSize + name_size + LoadLittle<uint16_t>(header + 28);
  if (directory_.offset - at < head || directory_.offset - at - head < record.compressed_size) {
    return corrupt(fmt::format("record {} at offset {} should have {} bytes, but the directory starts at offset {}",
                               Printable(record.name), at, record.compressed_size, directory_.offset));
  }
  record.data_offset = at + head;
  if (record.flags & (kEncrypted | kPatched)) {
    return corrupt(fmt::format("record {} at offset {} is {} (flags {:#06x} in the directory): PyTorch refuses it",
                               Printable(record.name), at, record.flags & kEncrypted ? "encrypted" : "patch data",
                               record.flags));
  }
  if (record.method != 0 && record.method != 8) {
    return corrupt(
        fmt::format("record {} at offset {} is compressed with method {}; PyTorch reads stored (0) and deflated "
                    "(8) records only",
                    Printable(record.name), at, record.method));
  }
  if (record.method == 0 && record.size != record.compressed_size) {
    return corrupt(fmt::format("record {} at offset {} is stored, yet its sizes differ: {} and {} bytes",
                               Printable(record.name), at, record.compressed_size, record.size));
  }
  if (record.method == 8 &&
      ((record.size > kDeflateSlack && (record.size - kDeflateSlack) / kMaxDeflateRatio > record.compressed_size) ||
       (record.size > 0 && record.compressed_size == 0))) {
    return corrupt(fmt::format("record {} at offset {}: {} deflated bytes can't become {} bytes",
                               Printable(record.name), at, record.compressed_size, record.size));
  }
  record.readable = true;

  const std::string_view name(reinterpret_cast<const char*>(header) + kLocalHeaderSize, name_size);
  if (name != record.name) {
    return corrupt(fmt::format("record {} is called {} in its local header at offset {}", Printable(record.name),
                               Printable(name), at));
  }
  if (const auto method = LoadLittle<uint16_t>(header + 8); method != record.method) {
    return corrupt(fmt::format("record {} has method {} in the directory and {} in its local header at offset {}",
                               Printable(record.name), record.method, method, at));
  }
  // With a data descriptor the local sizes are zero (or right); in ZIP64 all ones stand for the extra field.
  const auto agrees = [&](uint32_t local, uint64_t expected) {
    return local == expected || local == UINT32_MAX || (local == 0 && (record.flags & kDataDescriptor) != 0);
  };
  const auto local_compressed = LoadLittle<uint32_t>(header + 18), local_size = LoadLittle<uint32_t>(header + 22);
  if (!agrees(local_compressed, record.compressed_size) || !agrees(local_size, record.size)) {
    return corrupt(
        fmt::format("record {} has {} bytes ({} in the file) in the directory and {} ({}) in its local header "
                    "at offset {}",
                    Printable(record.name), record.size, record.compressed_size, local_size, local_compressed, at));
  }
  return std::nullopt;
}

Status ZipArchive::Inflate(size_t index, std::span<std::byte> out) const {
  const ZipRecord& record = directory_.records[index];
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)> decompressor(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (!decompressor) return Error{ErrorCode::kIo, fmt::format("{}: out of memory", file_name_)};
  size_t consumed = 0, produced = 0;
  const libdeflate_result result =
      libdeflate_deflate_decompress_ex(decompressor.get(), file_.data() + record.data_offset, record.compressed_size,
                                       out.data(), out.size(), &consumed, &produced);
  std::string what;
  if (result == LIBDEFLATE_BAD_DATA) {
    what = "are not a valid deflate stream";
  } else if (result != LIBDEFLATE_SUCCESS || produced != out.size()) {
    what = fmt::format("do not inflate to the {} bytes that the directory says", record.size);
  } else if (consumed != record.compressed_size) {
    what = fmt::format("end after {} of them: the rest is hidden there", consumed);
  } else {
    return {};
  }
  return Error{ErrorCode::kCorrupt,
               fmt::format("{}: record {}: the {} deflated bytes at offset {} {}", file_name_, Printable(record.name),
                           record.compressed_size, record.data_offset, what)};
}

Result<ZipBytes> ZipArchive::ReadOnce(size_t index) const {
  const ZipRecord& record = directory_.records[index];
  if (!record.readable) {
    return Error{ErrorCode::kCorrupt, fmt::format("{}: record {} can't be read", file_name_, Printable(record.name))};
  }
  if (!record.deflated()) return ZipBytes{file_.subspan(record.data_offset, record.size), nullptr};
  std::unique_ptr<std::byte[]> buffer(new (std::nothrow) std::byte[record.size]);
  if (!buffer) {
    return Error{ErrorCode::kIo, fmt::format("{}: record {}: no memory for its {} inflated bytes", file_name_,
                                             Printable(record.name), record.size)};
  }
  HARNESS_RETURN_IF_ERROR(Inflate(index, {buffer.get(), record.size}));
  const std::span<const std::byte> bytes(buffer.get(), record.size);
  return ZipBytes{bytes, std::move(buffer)};
}

Result<std::span<const std::byte>> ZipArchive::Read(size_t index) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = inflated_.find(index); found != inflated_.end()) {
      return std::span<const std::byte>(found->second.get(), directory_.records[index].size);
    }
  }
  HARNESS_ASSIGN_OR_RETURN(ZipBytes read, ReadOnce(index));
  if (!read.inflated) return read.bytes;
  const std::lock_guard lock(mutex_);
  const auto& kept = inflated_.try_emplace(index, std::move(read.inflated)).first->second;
  return std::span<const std::byte>(kept.get(), read.bytes.size());
}

}  // namespace harness::archive
