// Category state_dict_integrity: each file as an archive, a pickle and a set of tensors, before any config is looked
// at.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "conformance/context.h"
#include "conformance/file_names.h"
#include "conformance/suite.h"
#include "harness/checkpoint/crc32.h"
#include "harness/checkpoint/pickle_environment.h"
#include "harness/checkpoint/sharing.h"
#include "harness/checkpoint/zip_archive.h"
#include "harness/export/folder_contents.h"
#include "harness/spec/agreement.h"

namespace conformance {
namespace {

using harness::Role;

// The tensors of best_state: name and statistics.
struct NamedStatistics {
  std::string name;
  const harness::TensorView* view;
  const harness::TensorStatistics* statistics;  // null where the tensor could not be read
};

std::vector<NamedStatistics> Statistics(Context& context, Role role, const harness::PayloadScan& scan) {
  std::unordered_map<size_t, const harness::TensorStatistics*> by_tensor;
  for (const auto& statistics : scan.statistics) by_tensor[statistics.tensor] = &statistics;
  harness::ExportFile& file = context.exported().file(role);
  std::vector<NamedStatistics> named;
  for (const harness::NamedTensor& tensor : file.package()->best_state) {
    const auto found = by_tensor.find(tensor.tensor);
    named.push_back(
        {tensor.name, &file.checkpoint().tensors()[tensor.tensor], found == by_tensor.end() ? nullptr : found->second});
  }
  return named;
}

// Statistics of the training that inference never reads: any values do.
bool IsTrainingOnly(const std::string& name) {
  return name.ends_with("._codebook.embed_avg") || name.ends_with("._codebook.cluster_size") ||
         name.ends_with("._codebook.inited");
}

// A tensor that a MusicGen or its codec has, by its first name: what else lies in best_state is for the shape checks.
bool IsModelTensor(const std::string& name) {
  for (const char* module :
       {"emb.", "transformer.", "out_norm.", "linears.", "condition_provider.", "encoder.", "decoder.", "quantizer."}) {
    if (name.starts_with(module)) return true;
  }
  return false;
}

// "layers.3.x (12 of 4096 are NaN, the first at 17)" for up to six tensors, then a count.
struct Offenders {
  std::vector<std::string> shown;
  size_t count = 0;
  void Add(std::string text) {
    if (++count <= 6) shown.push_back(std::move(text));
  }
  std::string Text() const {
    return count > shown.size() ? fmt::format("{} and {} more", fmt::join(shown, ", "), count - shown.size())
                                : fmt::format("{}", fmt::join(shown, ", "));
  }
};

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
    const auto bytes = archive->Read(i);
    if (!bytes.ok()) return bytes.error().message;
    const uint32_t computed = harness::Crc32(0, *bytes);
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
  if (!scan.ok()) return Fail(scan.error().message);
  Offenders bad;
  size_t without = 0;
  for (const auto& record : scan->records) {
    without += record.stored == 0 && record.size_bytes > 0 ? 1 : 0;
    if (!record.matches()) {
      bad.Add(BadRecord(file, record.record, record.file_offset, record.size_bytes, record.stored, record.computed));
    }
  }
  if (bad.count > 0) {
    return Fail(fmt::format("{}: {} of {} records do not have their checksum: {}. {}", harness::FileName(role),
                            bad.count, scan->records.size(), bad.Text(), cause),
                bad.count, 0);
  }
  return Pass({{"records", scan->records.size()}, {"without_checksum", without}, {"bytes", scan->bytes_read}},
              {{"bad", 0}});
}

// Runs `body` over every readable floating tensor that inference reads.
template <class Body>
Outcome OverTensors(Context& context, Role role, Body&& body) {
  const auto& scan = context.Payload(role);
  if (!scan.ok()) return Fail(scan.error().message);
  return body(Statistics(context, role, *scan));
}

Outcome CheckFinite(Context& context, Role role) {
  return OverTensors(context, role, [&](const std::vector<NamedStatistics>& tensors) {
    Offenders bad;
    int64_t elements = 0;
    for (const auto& [name, view, s] : tensors) {
      if (s == nullptr || IsTrainingOnly(name)) continue;
      elements += s->elements;
      if (s->nan == 0 && s->infinite == 0) continue;
      const int64_t first = s->nan > 0 ? s->first_nan : s->first_infinite;
      bad.Add(fmt::format("{} {} ({} NaN and {} infinite of {}, the first at flat index {})", name,
                          harness::ShapeText(view->shape), s->nan, s->infinite, s->elements, first));
    }
    if (bad.count == 0) return Pass({{"elements", elements}, {"not_finite", 0}}, {{"not_finite", 0}});
    return Fail(
        fmt::format("{}: {} tensors hold values that are not finite: {}. The training diverged, or a cast to half "
                    "precision overflowed before the export: export an earlier checkpoint",
                    harness::FileName(role), bad.count, bad.Text()),
        bad.count, 0);
  });
}

Outcome CheckFloat16Range(Context& context, Role role) {
  return OverTensors(context, role, [&](const std::vector<NamedStatistics>& tensors) {
    Offenders bad;
    double largest = 0;
    for (const auto& [name, view, s] : tensors) {
      if (s == nullptr || s->min > s->max) continue;
      largest = std::max({largest, -s->min, s->max});
      if (s->beyond_float16 == 0) continue;
      bad.Add(fmt::format("{} {} ({} of {}, up to {:.6g}, the first at flat index {})", name,
                          harness::ShapeText(view->shape), s->beyond_float16, s->elements, std::max(-s->min, s->max),
                          s->first_beyond_float16));
    }
    if (bad.count == 0) return Pass({{"largest", largest}}, {{"largest", 65504}});
    return Fail(
        fmt::format("{}: {} tensors hold finite values beyond 65504, which become infinite where the language model "
                    "is loaded on CUDA, as float16: {}. It works on the CPU only: clamp or retrain them",
                    harness::FileName(role), bad.count, bad.Text()),
        largest, 65504);
  });
}

Outcome CheckFsdp(Context& context, Role role) {
  static constexpr const char* kMarkers[] = {"_fsdp_wrapped_module", "_flat_param", "flat_param_"};
  std::vector<std::string> wrapped, empty;
  harness::ExportFile& file = context.exported().file(role);
  for (const harness::NamedTensor& tensor : file.package()->best_state) {
    for (const char* marker : kMarkers) {
      if (tensor.name.find(marker) != std::string::npos) {
        wrapped.push_back(tensor.name);
        break;
      }
    }
    if (file.checkpoint().tensors()[tensor.tensor].num_elements() == 0) empty.push_back(tensor.name);
  }
  const std::string remedy =
      "gather it with FullStateDictConfig before saving: audiocraft does so into fsdp_best_state, which "
      "export_lm takes where it is filled";
  if (!wrapped.empty()) {
    return Fail(
        fmt::format("{}: best_state is that of a model still wrapped by FSDP: {} tensors such as {}. "
                    "The state dict is a shard, not the model; {}",
                    harness::FileName(role), wrapped.size(), harness::FoldNames(wrapped, 3), remedy));
  }
  if (!empty.empty()) {
    return Fail(
        fmt::format("{}: {} tensors have no elements: {}. That is what a rank keeps of parameters that others hold "
                    "(a sharded state dict); {}",
                    harness::FileName(role), empty.size(), harness::FoldNames(empty, 3), remedy));
  }
  return Pass();
}

Outcome CheckInitialised(Context& context, Role role) {
  return OverTensors(context, role, [&](const std::vector<NamedStatistics>& tensors) {
    std::vector<std::string> zero, constant;
    for (const auto& [name, view, s] : tensors) {
      if (s == nullptr || s->elements == 0 || IsTrainingOnly(name) || !IsModelTensor(name)) continue;
      const bool matrix = view->shape.size() >= 2;
      // One-dimensional tensors are biases, which may be zero, and norms, whose weight is zero in no model that works.
      const bool norm_weight = name.ends_with(".weight") && name.find("norm") != std::string::npos;
      if ((matrix || norm_weight) && s->zeros == s->elements) {
        zero.push_back(name);
      } else if (matrix && !name.ends_with(".weight_g") && s->elements > 1 && s->min == s->max) {
        constant.push_back(name);
      }
    }
    if (zero.empty() && constant.empty()) return Pass({{"zero", 0}, {"constant", 0}}, {{"zero", 0}, {"constant", 0}});
    std::vector<std::string> what;
    if (!zero.empty())
      what.push_back(fmt::format("{} tensors are all zero: {}", zero.size(), harness::FoldNames(zero)));
    if (!constant.empty()) {
      what.push_back(
          fmt::format("{} tensors hold one value throughout: {}", constant.size(), harness::FoldNames(constant)));
    }
    const bool codebooks =
        std::any_of(zero.begin(), zero.end(), [](const std::string& name) { return name.ends_with(".embed"); });
    return Fail(
        fmt::format("{}: {}. {}", harness::FileName(role), fmt::join(what, "; "),
                    codebooks ? "Codebooks that were never initialised decode every code alike: the codec was exported "
                                "before its first training step"
                              : "They were never trained, not gathered (FSDP), or lost in a sparse copy"),
        zero.size() + constant.size(), 0);
  });
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
    if (!IsTrainingOnly(tensor.name) && IsModelTensor(tensor.name)) read.push_back(tensor);
  }
  const auto shared = harness::FindSharedElements(file.checkpoint(), read);
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
    outcome.message += ". torch.load raises there: the file was written wrongly, or changed since: export it again";
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
      {"checksums", "Checksums", {"archive"}, CheckChecksums},
      {"safety", "Safety", {}, CheckSafety},
      {"pickle", "Pickle", {"archive", "safety"}, CheckPickle},
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
