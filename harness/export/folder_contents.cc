#include "harness/export/folder_contents.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <system_error>
#include <vector>

#include "harness/base/safe_text.h"

namespace harness {
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

// The first name of that shape; "" where there is none.
template <class Predicate>
std::string First(const std::vector<std::string>& names, Predicate&& matches) {
  const auto found = std::find_if(names.begin(), names.end(), matches);
  return found == names.end() ? "" : *found;
}

std::string FirstEnding(const std::vector<std::string>& names, std::initializer_list<std::string_view> endings) {
  return First(names, [&](const std::string& name) {
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

std::string ExporterCall(Role role, const std::string& checkpoint) {
  return role == Role::kLanguageModel
             ? fmt::format("audiocraft.utils.export.export_lm('{}', 'state_dict.bin')", checkpoint)
             : fmt::format(
                   "audiocraft.utils.export.export_encodec('{}', 'compression_state_dict.bin') for a codec of "
                   "your own, or export_pretrained_compression_model('facebook/encodec_32khz', "
                   "'compression_state_dict.bin') for a known one",
                   checkpoint);
}

std::string DescribeFolder(const fs::path& folder, Role role) {
  const std::vector<std::string> names = NamesIn(folder);
  if (const std::string partial = FirstEnding(names, {".incomplete", ".part", ".partial", ".crdownload", ".aria2"});
      !partial.empty() && partial.starts_with(FileName(role))) {
    return fmt::format(
        "The folder holds {}: a download that is still running or broke off. Let it finish, or start it "
        "again",
        Printable(partial, 100));
  }
  const std::string stem = fs::path(FileName(role)).stem().string();
  if (const std::string renamed = First(names, [&](const std::string& name) { return name.starts_with(stem); });
      !renamed.empty()) {
    return fmt::format(
        "The folder holds {}: if that is the file, rename it to {}, the only name that audiocraft opens. "
        "Else write it with {}",
        Printable(renamed, 100), FileName(role), ExporterCall(role));
  }
  // The other file is there: this is an export that lacks one half, whatever lies beside it.
  const bool other_half = Has(names, FileName(role == Role::kLanguageModel ? Role::kCodec : Role::kLanguageModel));
  const std::string weights = First(names, [](const std::string& name) {
    return name.ends_with(".safetensors") || (name.starts_with("pytorch_model") && name.ends_with(".bin"));
  });
  if (!other_half && !weights.empty() && Has(names, "config.json")) {
    return fmt::format(
        "The folder holds {} and config.json: a model of the Transformers library (save_pretrained), "
        "which audiocraft can't load. Transformers converts audiocraft's exports; there is no converter "
        "back: go to the training checkpoint and run {}",
        Printable(weights, 100), ExporterCall(role));
  }
  if (const std::string training = First(names, IsTrainingCheckpoint); !training.empty()) {
    // The trainer's own folder: its checkpoint is of one of the two, and which only its contents say.
    return fmt::format(
        "The folder holds {}, a checkpoint of audiocraft's training, from which the exporter makes the "
        "file: {}",
        Printable(training, 100), ExporterCall(role, Printable(training, 100)));
  }
  if (const std::string shard = First(names, IsShard); !shard.empty()) {
    const std::string whole = shard.substr(0, shard.find(".th.") + 3);
    return fmt::format(
        "The folder holds {}, what one rank saved of a training with FSDP. The whole model is in {} of "
        "rank 0 only: copy that one here, and run {}",
        Printable(shard, 100), Printable(whole, 100), ExporterCall(role, Printable(whole, 100)));
  }
  if (!other_half && !weights.empty()) {
    return fmt::format(
        "The folder holds {}: weights that Accelerate or Diffusers saved, without the config that "
        "audiocraft builds the model from. Go to the training checkpoint and run {}",
        Printable(weights, 100), ExporterCall(role));
  }
  if (const std::string lightning = FirstEnding(names, {".ckpt"}); !lightning.empty() && !other_half) {
    return fmt::format(
        "The folder holds {}, a checkpoint of PyTorch Lightning or the like, which audiocraft can't "
        "load: it wants what {} writes",
        Printable(lightning, 100), ExporterCall(role));
  }
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) shown.push_back(Printable(names[i], 100));
  if (names.size() > kShown) shown.push_back(fmt::format("and {} more", names.size() - kShown));
  return fmt::format("The folder holds {}. Write it with {}", fmt::join(shown, ", "), ExporterCall(role));
}

}  // namespace harness
