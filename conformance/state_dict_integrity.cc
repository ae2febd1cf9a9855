// Category state_dict_integrity: each file as an archive, a pickle and a set of tensors, before any config is looked
// at.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "conformance/context.h"
#include "conformance/file_names.h"
#include "conformance/offenders.h"
#include "conformance/suite.h"
#include "conformance/weight_values.h"
#include "harness/architecture/agreement.h"
#include "harness/architecture/shard_traces.h"
#include "harness/archive/crc32.h"
#include "harness/archive/zip_archive.h"
#include "harness/export/folder_contents.h"
#include "harness/pickle/pickle_environment.h"
#include "harness/weights/sharing.h"
#include "harness/weights/weight_findings.h"

namespace conformance {
namespace {

using harness::Role;

// The tensors that lie in `record`, for the person who knows names and not records.
std::string TensorsIn(harness::ExportFile& file, const std::string& record) {
  if (!file.checkpoint().pickle_status().ok() || !file.package().ok()) return "";
  std::vector<std::string> names;
  for (const harness::NamedTensor& tensor : file.package()->best_state) {
    const auto& view = file.checkpoint().tensors()[tensor.tensor];
    if (view.storage < file.checkpoint().storages().size() &&
        file.checkpoint().storages()[view.storage].record == record) {
      names.push_back(tensor.name);
    }
  }
  return names.empty() ? "" : fmt::format(", which holds {}", harness::FoldNames(names, 3));
}

std::string BadRecord(harness::ExportFile& file, const std::string& record, uint64_t offset, uint64_t size,
                      uint32_t stored, uint32_t computed) {
  return fmt::format("record {} (bytes {} to {} of the file{}) has CRC-32 {:08x}, the archive says {:08x}", record,
                     offset, offset + size, TensorsIn(file, record), computed, stored);
}

// CRC-32 of the records that are not payloads: the pickle and its companions, a megabyte at most as a rule. A damaged
// pickle is named as damaged before anybody puzzles over what it says.
std::optional<std::string> DamagedMetadata(harness::ExportFile& file) {
  const harness::ZipArchive* archive = file.checkpoint().archive();
  if (archive == nullptr) return std::nullopt;
  for (size_t i = 0; i < archive->records().size(); ++i) {
    const harness::ZipRecord& record = archive->records()[i];
    if (record.name.find("/data/") != std::string::npos || record.crc == 0) continue;
    const auto read = archive->ReadOnce(i);
    if (!read.ok()) return read.error().message;
    const uint32_t computed = harness::Crc32(0, read->bytes);
    if (computed != record.crc) {
      return BadRecord(file, record.name, record.data_offset, record.compressed_size, record.crc, computed);
    }
  }
  return std::nullopt;
}

Outcome CheckChecksums(Context& context, Role role) {
  harness::ExportFile& file = context.exported().file(role);
  const std::string cause =
      "Bytes changed after the file was written (a bad copy, disk or download): PyTorch would load "
      "them without a word. Copy or export it again";
  if (const auto damage = DamagedMetadata(file))
    return Fail(fmt::format("{}: {}. {}", harness::FileName(role), *damage, cause));
  if (!file.checkpoint().storage_status().ok())
    return Blocked(fmt::format("state_dict_integrity/{}/storages", Slug(role)));
  if (file.checkpoint().archive() == nullptr) return Pass("the legacy format has no checksums");
  const auto& scan = context.Payload(role);
  if (!scan.ok()) return FromStatus(scan.error());
  Offenders bad;
  size_t without = 0;
  for (const auto& record : scan->records) {
    without += record.stored == 0 && record.size_bytes > 0 ? 1 : 0;
    if (!record.matches()) {
      bad.Add([&] {  // looks through all tensors
        return BadRecord(file, record.record, record.file_offset, record.size_bytes, record.stored, record.computed);
      });
    }
  }
  if (bad.count > 0) {
    return Fail(fmt::format("{}: {} of {} records do not have their checksum: {}. {}", harness::FileName(role),
                            bad.count, scan->records.size(), bad.Text(), cause),
                bad.count, 0);
  }
  if (scan->records_left_out > 0) {
    return FromStatus(harness::Error{
        harness::ErrorCode::kUnsupported,
        fmt::format(
            "{}: {} records of {} bytes in all are no tensor's, and were not read: this suite reads {} bytes of "
            "such. Export the model again, without them",
            harness::FileName(role), scan->records_left_out, scan->bytes_left_out, harness::kMaxUnnamedPayload)});
  }
  return Pass({{"records", scan->records.size()}, {"without_checksum", without}, {"bytes", scan->bytes_read}},
              {{"bad", 0}});
}

Outcome CheckFsdp(Context& context, Role role) {
  harness::ExportFile& file = context.exported().file(role);
  std::vector<harness::FoundTensor> found;
  for (const harness::NamedTensor& tensor : file.package()->best_state) {
    found.push_back({tensor.name, file.checkpoint().tensors()[tensor.tensor].shape});
  }
  const std::string shards = harness::DescribeShards(found);
  return shards.empty() ? Pass() : Fail(fmt::format("{}: {}", harness::FileName(role), shards));
}

// The tensors whose storage is not all there.
std::string TensorsWithoutStorage(harness::ExportFile& file) {
  if (!file.package().ok()) return "";
  std::vector<std::string> names;
  for (const harness::NamedTensor& tensor : file.package()->best_state) {
    const auto& view = file.checkpoint().tensors()[tensor.tensor];
    const auto& storages = file.checkpoint().storages();
    if (view.storage < storages.size() && !storages[view.storage].available) names.push_back(tensor.name);
  }
  return names.empty() ? "" : fmt::format(". Tensors that lie there: {}", harness::FoldNames(names));
}

Outcome CheckArchive(Context& context, Role role) {
  Outcome outcome = FromStatus(context.exported().file(role).checkpoint().structure_status());
  const bool told = outcome.message.find("opy it again") != std::string::npos;
  if (outcome.status == harness::CheckStatus::kFail && !told) {
    outcome.message += ". Copy the file as it was written, or export it again";
  }
  return outcome;
}

Outcome CheckUnambiguous(Context& context, Role role) {
  const harness::Checkpoint& checkpoint = context.exported().file(role).checkpoint();
  if (!checkpoint.unambiguous_status().ok()) return FromStatus(checkpoint.unambiguous_status());
  if (!checkpoint.structure_status().ok()) return Blocked(fmt::format("state_dict_integrity/{}/archive", Slug(role)));
  return Pass();
}

// Damage must not hide what would run: an archive that this suite refuses may be one that the loader reads.
Outcome CheckSafety(Context& context, Role role) {
  const harness::Checkpoint& checkpoint = context.exported().file(role).checkpoint();
  if (!checkpoint.safety_status().ok()) return FromStatus(checkpoint.safety_status());
  if (checkpoint.structure_status().ok()) {
    Outcome outcome = Pass();
    outcome.message = harness::RefusedByNewerTorch(checkpoint.pickle(), harness::FileName(role));
    return outcome;
  }
  return checkpoint.structure_status().error().code == harness::ErrorCode::kUnsupported
             ? FromStatus(checkpoint.structure_status())
             : Blocked(fmt::format("state_dict_integrity/{}/archive", Slug(role)));
}

// See Note [Storage sharing].
Outcome CheckSharing(harness::ExportFile& file, Role role) {
  std::vector<harness::NamedTensor> read;
  for (const harness::NamedTensor& tensor : file.package()->best_state) {
    if (harness::IsReadByInference(tensor.name)) read.push_back(tensor);
  }
  const auto [shared, left_open] = harness::FindSharedElements(file.checkpoint(), read);
  if (shared.empty() && !left_open.empty()) {
    return FromStatus(harness::Error{
        harness::ErrorCode::kUnsupported,
        fmt::format("{}: {} is a strided view among others of one storage, and this suite does not compare so many "
                    "elements to see whether they lie on each other. contiguous() each tensor before it is saved",
                    harness::FileName(role), left_open)});
  }
  if (shared.empty()) return Pass();
  Offenders groups;
  for (const harness::SharedElements& group : shared) {
    if (group.names.size() == 1) {
      groups.Add(fmt::format("{} of the elements of {} lie on others of its own", group.elements, group.names[0]));
      continue;
    }
    groups.Add(group.identical
                   ? fmt::format("{} are the same {} elements", harness::FoldNames(group.names, 4), group.elements)
                   : fmt::format("{} overlap by {} elements", harness::FoldNames(group.names, 4), group.elements));
  }
  return Fail(
      fmt::format("{}: tensors lie on each other's bytes: {}. In audiocraft each is a parameter of its own; "
                  "these have what was written there last. Whoever collected the state dict filled one buffer "
                  "again and again, or cut a flat one at wrong offsets: clone() each tensor into best_state, or "
                  "export again",
                  harness::FileName(role), groups.Text()),
      shared.size(), 0);
}

Outcome CheckStorages(Context& context, Role role) {
  harness::ExportFile& file = context.exported().file(role);
  const harness::Checkpoint& checkpoint = file.checkpoint();
  if (!checkpoint.storage_status().ok()) {
    Outcome outcome = FromStatus(checkpoint.storage_status());
    outcome.message += TensorsWithoutStorage(file);
    return outcome;
  }
  Outcome outcome = FromStatus(checkpoint.tensor_status());
  if (outcome.status == harness::CheckStatus::kPass && file.package().ok()) outcome = CheckSharing(file, role);
  if (outcome.status == harness::CheckStatus::kPass) {
    outcome.measured = {{"storages", checkpoint.storages().size()}, {"tensors", checkpoint.tensors().size()}};
  }
  return outcome;
}

Outcome CheckPickle(Context& context, Role role) {
  harness::ExportFile& file = context.exported().file(role);
  if (DamagedMetadata(file)) return Blocked(fmt::format("state_dict_integrity/{}/checksums", Slug(role)));
  Outcome outcome = FromStatus(file.checkpoint().pickle_status());
  if (outcome.status == harness::CheckStatus::kFail) {
    outcome.message += ". The file was written wrongly, or changed since. Export it again";
    return outcome;
  }
  return outcome.status == harness::CheckStatus::kPass
             ? FromStatus(harness::LoadsInProduction(file.checkpoint().pickle(), harness::FileName(role)))
             : outcome;
}

Outcome CheckPackage(Context& context, Role role) {
  const auto& package = context.exported().file(role).package();
  if (!package.ok()) return FromStatus(package.error());
  if (role == Role::kLanguageModel && package->pretrained) {
    return Fail(fmt::format(
        "{} is a reference to the codec '{}', not a language model: the two files are swapped, or "
        "export_pretrained_compression_model wrote to the wrong name. {} must come from {}",
        harness::FileName(role), *package->pretrained, harness::FileName(role), harness::ExporterCall(role)));
  }
  return Pass({{"keys", package->keys}, {"tensors", package->best_state.size()}});
}

}  // namespace

std::vector<Check> StateDictIntegrityChecks() {
  struct Row {
    const char* slug;
    const char* name;
    std::vector<std::string> needs;  // slugs of the same file
    Outcome (*run)(Context&, Role);
  };
  const std::vector<Row> rows = {
      {"archive", "Archive", {}, CheckArchive},
      {"unambiguous", "Unambiguous", {}, CheckUnambiguous},
      {"checksums", "Checksums", {"archive", "unambiguous"}, CheckChecksums},
      {"safety", "Safety", {}, CheckSafety},
      {"pickle", "Pickle", {"archive", "unambiguous", "safety"}, CheckPickle},
      {"storages", "Storages", {"pickle"}, CheckStorages},
      {"package", "Package", {"pickle"}, CheckPackage},
      {"fsdp", "Fsdp", {"package"}, CheckFsdp},
      {"finite", "Finite", {"storages", "package", "checksums"}, CheckFinite},
      {"float16_range", "Float16Range", {"finite"}, CheckFloat16Range},
      {"initialised", "Initialised", {"finite"}, CheckInitialised},
  };
  std::vector<Check> checks;
  for (const auto role : kRoles) {
    const std::string prefix = std::string("state_dict_integrity/") + Slug(role) + "/";
    for (const Row& row : rows) {
      // Production loads the codec in float32 on every device: only the language model is cast to float16.
      if (role == Role::kCodec && std::string_view(row.slug) == "float16_range") continue;
      std::vector<std::string> needs;
      if (row.needs.empty()) needs.push_back(std::string("file_presence/") + Slug(role) + "/format");
      for (const std::string& need : row.needs) needs.push_back(prefix + need);
      checks.push_back({prefix + row.slug, std::string(CamelCase(role)) + row.name, std::move(needs),
                        [run = row.run, role](Context& c) { return run(c, role); }});
    }
  }
  return checks;
}

DEFINE_SUITE(StateDictIntegrity, StateDictIntegrityChecks());

}  // namespace conformance
