#include <fmt/format.h>

#include "conformance/checks/state_dict_integrity/state_dict_integrity.h"
#include "conformance/framework/fault_list.h"
#include "harness/architecture/agreement.h"
#include "harness/archive/crc32.h"
#include "harness/archive/zip_archive.h"

namespace conformance {

using harness::exports::Role;

namespace {

// The tensors that lie in `record`, for the person who knows names and not records.
std::string ListTensorsIn(harness::exports::ExportFile& file, const std::string& record) {
  if (!file.checkpoint().pickle_status().ok() || !file.package().ok()) return "";
  std::vector<std::string> names;
  for (const harness::checkpoint::NamedTensor& tensor : file.package()->best_state) {
    const auto& view = file.checkpoint().tensors()[tensor.tensor];
    if (view.storage < file.checkpoint().storages().size() &&
        file.checkpoint().storages()[view.storage].record == record) {
      names.push_back(tensor.name);
    }
  }
  return names.empty() ? "" : fmt::format(", which holds {}", harness::architecture::FoldNames(names, 3));
}

std::string DescribeBadRecord(harness::exports::ExportFile& file, const std::string& record, uint64_t offset,
                              uint64_t size, uint32_t stored, uint32_t computed) {
  return fmt::format("record {} (bytes {} to {} of the file{}) has CRC-32 {:08x}, but the archive says {:08x}", record,
                     offset, offset + size, ListTensorsIn(file, record), computed, stored);
}

}  // namespace

// Those records are the pickle and its companions, a megabyte at most as a rule.
std::optional<std::string> FindDamagedMetadata(harness::exports::ExportFile& file) {
  const harness::archive::ZipArchive* archive = file.checkpoint().archive();
  if (archive == nullptr) return std::nullopt;
  for (size_t i = 0; i < archive->records().size(); ++i) {
    const harness::archive::ZipRecord& record = archive->records()[i];
    if (record.name.find("/data/") != std::string::npos || record.crc == 0) continue;
    const auto read = archive->ReadOnce(i);
    if (!read.ok()) return read.error().message;
    const uint32_t computed = harness::archive::ComputeCrc32(0, read->bytes);
    if (computed != record.crc) {
      return DescribeBadRecord(file, record.name, record.data_offset, record.compressed_size, record.crc, computed);
    }
  }
  return std::nullopt;
}

Outcome CheckChecksums(Context& context, Role role) {
  harness::exports::ExportFile& file = context.exported().file(role);
  const std::string cause =
      "Bytes changed after the file was written (a bad copy, disk or download): audiocraft loads them without an error";
  const std::string remedy = "Copy the file again, or export it again";
  if (const auto damage = FindDamagedMetadata(file))
    return Fail(fmt::format("{}: {}. {}", harness::exports::FileName(role), *damage, cause)).WithRemedy(remedy);
  if (!file.checkpoint().storage_status().ok()) return Blocked(ids::kStorages(role));
  if (file.checkpoint().archive() == nullptr) return Pass("the legacy format has no checksums");
  const auto& scan = context.Payload(role);
  if (!scan.ok()) return FromStatus(scan.error());
  FaultList bad;
  size_t without = 0;
  for (const auto& record : scan->records) {
    without += record.stored == 0 && record.size_bytes > 0 ? 1 : 0;
    if (!record.matches()) {
      bad.Add([&] {  // looks through all tensors
        return DescribeBadRecord(file, record.record, record.file_offset, record.size_bytes, record.stored,
                                 record.computed);
      });
    }
  }
  if (bad.count > 0) {
    return Fail(fmt::format("{}: {} of {} records do not have their checksum: {}. {}", harness::exports::FileName(role),
                            bad.count, scan->records.size(), bad.Join(), cause),
                bad.count, 0)
        .WithRemedy(remedy);
  }
  if (scan->records_left_out > 0) {
    return FromStatus(harness::Error{
        harness::ErrorCode::kUnsupported,
        fmt::format(
            "{}: {} records of {} bytes in all belong to no tensor, and were not read: this suite reads {} bytes of "
            "such",
            harness::exports::FileName(role), scan->records_left_out, scan->bytes_left_out,
            harness::weights::kMaxUnnamedPayload),
        "Export the model again, without them"});
  }
  return Pass({{"records", scan->records.size()}, {"without_checksum", without}, {"bytes", scan->bytes_read}},
              {{"bad", 0}});
}

}  // namespace conformance
