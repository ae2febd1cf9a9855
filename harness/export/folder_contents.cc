#include "harness/export/folder_contents.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "harness/base/safe_text.h"

namespace harness::exports {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxNames = 1000;  // of a folder that is somebody's home
constexpr size_t kShown = 6;

std::vector<std::string> NamesIn(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end && names.size() < kMaxNames;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The first name of that shape.
template <class Predicate>
std::optional<std::string> FindFirst(const std::vector<std::string>& names, Predicate&& matches) {
  const auto found = std::find_if(names.begin(), names.end(), matches);
  return found == names.end() ? std::nullopt : std::optional(*found);
}

std::optional<std::string> FindEnding(const std::vector<std::string>& names,
                                      std::initializer_list<std::string_view> endings) {
  return FindFirst(names, [&](const std::string& name) {
    return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) { return name.ends_with(ending); });
  });
}

bool Has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// checkpoint.th, checkpoint_best.th, checkpoint_40.th (audiocraft/utils/checkpoint.py, checkpoint_name).
bool IsTrainingCheckpoint(const std::string& name) { return name.starts_with("checkpoint") && name.ends_with(".th"); }

// checkpoint.th.3: what rank 3 saved of a training with FSDP.
bool IsShard(const std::string& name) {
  const size_t at = name.find(".th.");
  return name.starts_with("checkpoint") && at != std::string::npos && at + 4 < name.size() &&
         name.find_first_not_of("0123456789", at + 4) == std::string::npos;
}

}  // namespace

bool IsOfFolder(const fs::path& file, const fs::path& folder) {
  std::error_code error;
  const fs::path target = fs::weakly_canonical(file, error), root = fs::weakly_canonical(folder, error);
  if (error || !root.has_relative_path()) return false;
  const auto lies_in = [&](const fs::path& above) {
    return std::mismatch(above.begin(), above.end(), target.begin(), target.end()).first == above.end();
  };
  if (lies_in(root)) return true;
  for (fs::path at = root; at.has_relative_path(); at = at.parent_path()) {
    if (at.filename() == "snapshots") return lies_in(at.parent_path() / "blobs");
  }
  return false;
}

std::string FormatExporterCall(Role role, const std::string& checkpoint) {
  return role == Role::kLanguageModel
             ? fmt::format("audiocraft.utils.export.export_lm('{}', 'state_dict.bin')", checkpoint)
             : fmt::format(
                   "audiocraft.utils.export.export_encodec('{}', 'compression_state_dict.bin') for a codec of "
                   "your own, or export_pretrained_compression_model('facebook/encodec_32khz', "
                   "'compression_state_dict.bin') for a known one",
                   checkpoint);
}

FolderDescription DescribeFolder(const fs::path& folder, Role role) {
  const std::vector<std::string> names = NamesIn(folder);
  const auto shown_name = [](const std::string& name) { return Printable(name, 100); };
  if (const auto partial = FindEnding(names, {".incomplete", ".part", ".partial", ".crdownload", ".aria2"});
      partial && partial->starts_with(FileName(role))) {
    return {fmt::format("The folder holds {}: a download that is still running or broke off", shown_name(*partial)),
            "Let the download finish, or start it again"};
  }
  const std::string stem = fs::path(FileName(role)).stem().string();
  if (const auto renamed = FindFirst(names, [&](const std::string& name) { return name.starts_with(stem); })) {
    return {fmt::format("The folder holds {}, and audiocraft opens {} only", shown_name(*renamed), FileName(role)),
            fmt::format("If that is the file, rename it to {}. Else write it with {}", FileName(role),
                        FormatExporterCall(role))};
  }
  // The other file is there: this is an export that lacks one half, whatever lies beside it.
  const bool other_half = Has(names, FileName(role == Role::kLanguageModel ? Role::kCodec : Role::kLanguageModel));
  const auto weights = FindFirst(names, [](const std::string& name) {
    return name.ends_with(".safetensors") || (name.starts_with("pytorch_model") && name.ends_with(".bin"));
  });
  const std::string from_training = fmt::format("Go to the training checkpoint and run {}", FormatExporterCall(role));
  if (!other_half && weights && Has(names, "config.json")) {
    return {
        fmt::format("The folder holds {} and config.json: a model of the Transformers library (save_pretrained), "
                    "which audiocraft can't load. Transformers converts audiocraft's exports; there is no converter "
                    "back",
                    shown_name(*weights)),
        from_training};
  }
  if (const auto training = FindFirst(names, IsTrainingCheckpoint)) {
    // The trainer's own folder: its checkpoint is of one of the two, and which only its contents say.
    return {fmt::format("The folder holds {}, a checkpoint of audiocraft's training, from which the exporter makes the "
                        "file",
                        shown_name(*training)),
            fmt::format("Run {}", FormatExporterCall(role, shown_name(*training)))};
  }
  if (const auto shard = FindFirst(names, IsShard)) {
    const std::string whole = shown_name(shard->substr(0, shard->find(".th.") + 3));
    return {fmt::format("The folder holds {}, what one rank saved of a training with FSDP. The whole model is in {} of "
                        "rank 0 only",
                        shown_name(*shard), whole),
            fmt::format("Copy {} of rank 0 here, and run {}", whole, FormatExporterCall(role, whole))};
  }
  if (!other_half && weights) {
    return {fmt::format("The folder holds {}: weights that Accelerate or Diffusers saved, without the config that "
                        "audiocraft builds the model from",
                        shown_name(*weights)),
            from_training};
  }
  if (const auto lightning = FindEnding(names, {".ckpt"}); lightning && !other_half) {
    return {
        fmt::format("The folder holds {}, a checkpoint of PyTorch Lightning or the like, which audiocraft can't load",
                    shown_name(*lightning)),
        fmt::format("Write the file with {}", FormatExporterCall(role))};
  }
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) shown.push_back(shown_name(names[i]));
  if (names.size() > kShown) shown.push_back(fmt::format("and {} more", names.size() - kShown));
  return {fmt::format("The folder holds {}", fmt::join(shown, ", ")),
          fmt::format("Write the file with {}", FormatExporterCall(role))};
}

}  // namespace harness::exports
