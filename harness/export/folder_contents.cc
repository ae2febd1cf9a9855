#include "harness/export/folder_contents.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <tuple>
#include <vector>

#include "harness/architecture/foreign_names.h"
#include "harness/archive/zip_layout.h"
#include "harness/base/safe_text.h"
#include "harness/export/look_inside.h"

namespace harness::exports {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxNames = 1000;  // of a folder that is somebody's home
constexpr size_t kMaxLookedInside = 8;
constexpr int kMaxDepth = 4;
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

// The files in folders of that folder, relative to it.
std::vector<fs::path> FilesBelow(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error, ignored;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied, error);
  for (size_t count = 0; !error && entry != fs::recursive_directory_iterator() && count < kMaxNames;
       ++count, entry.increment(error)) {
    if (entry.depth() >= kMaxDepth) entry.disable_recursion_pending();
    if (entry.depth() > 0 && !entry->is_directory(ignored)) files.push_back(entry->path().lexically_relative(folder));
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The first name of that shape.
template <class Predicate>
std::optional<std::string> FindFirst(const std::vector<std::string>& names, Predicate&& matches) {
  const auto found = std::find_if(names.begin(), names.end(), matches);
  return found == names.end() ? std::nullopt : std::optional(*found);
}

bool Has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool EndsWithAny(std::string_view name, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) { return name.ends_with(ending); });
}

// `pattern` is text around at most one '*', which stands for anything.
bool Matches(std::string_view name, std::string_view pattern) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return name == pattern;
  return name.size() + 1 >= pattern.size() && name.starts_with(pattern.substr(0, star)) &&
         name.ends_with(pattern.substr(star + 1));
}

std::string ShownName(const std::string& name) { return Printable(name, 100); }

// checkpoint.th, checkpoint_best.th, checkpoint_40.th (audiocraft/utils/checkpoint.py, checkpoint_name).
bool IsTrainingCheckpoint(const std::string& name) { return name.starts_with("checkpoint") && name.ends_with(".th"); }

// checkpoint.th.3: what rank 3 saved of a training with FSDP.
bool IsShard(const std::string& name) {
  const size_t at = name.find(".th.");
  return name.starts_with("checkpoint") && at != std::string::npos && at + 4 < name.size() &&
         name.find_first_not_of("0123456789", at + 4) == std::string::npos;
}

// state_dict.bin.001, state_dict.bin.partab, state_dict.bin.part2: what split(1) and archivers cut a file into.
bool IsPart(std::string_view name, std::string_view file) {
  if (!name.starts_with(file)) return false;
  name.remove_prefix(file.size());
  if (name.empty() || (name[0] != '.' && name[0] != '-' && name[0] != '_')) return false;
  name.remove_prefix(1);
  if (name.starts_with("part")) name.remove_prefix(name.starts_with("part-") || name.starts_with("part_") ? 5 : 4);
  const auto made_of = [&](std::string_view letters) {
    return name.find_first_not_of(letters) == std::string_view::npos;
  };
  return made_of("0123456789") ? !name.empty()
                               : name.size() <= 3 && made_of("abcdefghijklmnopqrstuvwxyz") && name[0] == 'a';
}

struct Sign {
  std::string_view pattern;
  std::string_view what;    // continues "The folder holds NAME"
  std::string_view remedy;  // its first step; then the model's tensors must become an export
};

// What other trainers leave, by a name that no other has. Source: peft 0.10, torch 2.2 (distributed/checkpoint),
// DeepSpeed 0.14 (checkpoint/constants.py), Transformers 4.40 (trainer.py), Accelerate 0.29 (utils/constants.py).
constexpr Sign kTrainers[] = {
    {"adapter_config.json", ": an adapter of PEFT (LoRA), which is trained on top of a model and is not the model",
     "Merge it into the model that it was trained on (merge_and_unload())"},
    {"*.distcp", ": a sharded checkpoint of torch.distributed.checkpoint, in which each process has its own part",
     "Join the parts with `python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER whole.pt` (torch 2.2 "
     "or later)"},
    {"zero_to_fp32.py", ": a checkpoint of DeepSpeed, in which each process has its own part",
     "Join the parts with `python zero_to_fp32.py . whole.pt`, which DeepSpeed put there"},
    {"zero_pp_rank_*", ": a checkpoint of DeepSpeed, in which each process has its own part",
     "Join the parts with zero_to_fp32.py, which DeepSpeed puts into the folder above"},
    {"mp_rank_*", ": a checkpoint of DeepSpeed", "Join its parts with zero_to_fp32.py of the folder above"},
    {"global_step*", ": a checkpoint of DeepSpeed, in which each process has its own part",
     "Join the parts with zero_to_fp32.py, which DeepSpeed puts beside that folder"},
    {"pytorch_model_fsdp_*", ": a checkpoint of Accelerate with FSDP, in which each process has its own part",
     "Join the parts with `accelerate merge-weights`"},
    {"trainer_state.json", ": a checkpoint of the Trainer of the Transformers library",
     "Load its weights (model.safetensors or pytorch_model.bin), and rename the tensors to audiocraft's names"},
};

constexpr std::string_view kArchives[] = {"*.zip", "*.tar", "*.tar.gz", "*.tgz",
                                          "*.7z",  "*.rar", "*.tar.xz", "*.tar.zst"};

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

namespace {

// The file itself, but for its name.
std::optional<FolderDescription> DescribeNearName(const std::vector<std::string>& names, Role role) {
  const std::string name = FileName(role), stem = fs::path(name).stem().string();
  const auto find = [&](auto&& matches) { return FindFirst(names, matches); };
  if (const auto capitals =
          find([&](const std::string& other) { return other != name && archive::LowerAscii(other) == name; })) {
    return FolderDescription{fmt::format("The folder holds {}: capitals count in names of files", ShownName(*capitals)),
                             fmt::format("Rename it to {}", name)};
  }
  std::vector<std::string> parts;
  std::copy_if(names.begin(), names.end(), std::back_inserter(parts),
               [&](const std::string& other) { return IsPart(other, name) || IsPart(other, stem); });
  if (parts.size() > 1) {
    return FolderDescription{
        fmt::format("The folder holds {} to {} ({} files): the parts into which {} was cut", ShownName(parts.front()),
                    ShownName(parts.back()), parts.size(), name),
        fmt::format("Join them: cat {} > {}",
                    fmt::join(parts.size() > 4 ? std::vector<std::string>{stem + "*[0-9a-z]"} : parts, " "), name)};
  }
  if (const auto packed = find([&](const std::string& other) {
        return other.starts_with(stem) &&
               EndsWithAny(other, {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"});
      })) {
    const bool tar =
        packed->find(".t") != std::string::npos && EndsWithAny(*packed, {".tar", ".tar.gz", ".tgz", ".tar.xz"});
    const char* command = tar                         ? "tar xf"
                          : packed->ends_with(".zip") ? "unzip"
                          : packed->ends_with(".gz")  ? "gunzip"
                                                      : "its archiver";
    return FolderDescription{
        fmt::format("The folder holds {}: the file is packed, and audiocraft opens no archive", ShownName(*packed)),
        fmt::format("Unpack it (`{} {}`)", command, ShownName(*packed))};
  }
  if (Has(names, "._" + name)) {
    return FolderDescription{
        fmt::format("The folder holds ._{}: the small companion that macOS writes beside a file, without its content",
                    name),
        fmt::format("Copy {} itself, which lies beside it or outside of __MACOSX", name)};
  }
  return std::nullopt;
}

// Both files, or that one, in a folder below.
std::optional<FolderDescription> DescribeBelow(const fs::path& folder, const std::vector<fs::path>& below, Role role,
                                               bool other_half) {
  const fs::path name = FileName(role),
                 other = FileName(role == Role::kLanguageModel ? Role::kCodec : Role::kLanguageModel);
  std::vector<fs::path> with;
  for (const fs::path& file : below) {
    if (file.filename() == name && file.begin()->string() != "__MACOSX") with.push_back(file.parent_path());
  }
  const auto has_other = [&](const fs::path& at) {
    return std::find(below.begin(), below.end(), at / other) != below.end();
  };
  const auto pair = std::find_if(with.begin(), with.end(), has_other);
  if (pair != with.end()) {
    const auto pairs = std::count_if(with.begin(), with.end(), has_other);
    const bool of_hub = pair->filename() != *pair->begin() && pair->parent_path().filename() == "snapshots";
    return FolderDescription{fmt::format("Both files are in {}{}{}", ShownName(pair->string()),
                                         pairs > 1 ? fmt::format(" (and in {} more folders)", pairs - 1) : "",
                                         of_hub ? ", a snapshot of the hub cache, whose own folder was given" : ""),
                             fmt::format("Give that folder: {}", Printable((folder / *pair).string(), 400)), true};
  }
  if (!with.empty()) {
    return FolderDescription{
        fmt::format("It is in {}", ShownName(with.front().string())),
        other_half ? fmt::format("Put {} beside {}", (with.front() / name).string(), other.string())
                   : fmt::format("Put {} and {} into one folder, and give that", name.string(), other.string())};
  }
  return std::nullopt;
}

// A checkpoint that was unpacked as the ZIP archive that it is.
std::optional<FolderDescription> DescribeUnzipped(const std::vector<std::string>& names,
                                                  const std::vector<fs::path>& below, Role role) {
  const std::string zip = fmt::format("zip -0 -D -r {}", FileName(role));
  const char* what =
      "what lies in a file of torch.save: it was unpacked as a ZIP archive, and audiocraft opens the file only";
  if (Has(names, "data.pkl") && Has(names, "data")) {
    return FolderDescription{
        fmt::format("The folder holds data.pkl and data/, {}", what),
        fmt::format(
            "Take the file itself; or pack it again from the folder above: `{} NAME`, with the name of this folder",
            zip)};
  }
  for (const fs::path& file : below) {
    if (file.filename() != "data.pkl" || std::distance(file.begin(), file.end()) != 2) continue;
    const std::string inner = file.parent_path().string();
    if (inner != fs::path(FileName(role)).stem() && inner != FileName(role) && inner != "archive") continue;
    return FolderDescription{fmt::format("The folder {}/ holds data.pkl, {}", ShownName(inner), what),
                             fmt::format("Take the file itself; or pack it again: `{} {}`", zip, ShownName(inner))};
  }
  return std::nullopt;
}

// checkpoint.th before checkpoint_100.th before checkpoint_25.th: the trainer's last state, else the highest number.
bool IsLater(const std::string& name, const std::string& than) {
  const auto rank = [](const std::string& of) {
    return std::tuple(of.find_first_of("0123456789") == std::string::npos, of.size(), of);
  };
  return rank(name) > rank(than);
}

// A file of another name that holds the model.
std::optional<FolderDescription> DescribeInside(const fs::path& folder, const std::vector<std::string>& names,
                                                Role role) {
  size_t looked = 0;
  std::optional<FolderDescription> found;
  std::string trained;
  for (const std::string& name : names) {
    if (!EndsWithAny(name, {".bin", ".pt", ".pth", ".th", ".ckpt"}) || !IsOfFolder(folder / name, folder)) continue;
    if (++looked > kMaxLookedInside) break;
    const auto inside = LookInside(folder / name);
    if (!inside) continue;
    const bool is_export = inside->package == Inside::Package::kExport;
    const auto& prefix = role == Role::kLanguageModel ? inside->language_model : inside->codec;
    const std::string shown = ShownName(name);
    if (inside->package == Inside::Package::kReference && role == Role::kCodec) {
      return FolderDescription{
          fmt::format("The folder holds {}, which is the reference to a codec under another name", shown),
          fmt::format("Rename it to {}", FileName(role))};
    }
    if (!prefix || found) continue;
    if (inside->language_model && inside->codec) {
      found = FolderDescription{fmt::format("{} holds both models ({}* and {}*), and audiocraft reads two files", shown,
                                            Printable(*inside->language_model, 60), Printable(*inside->codec, 60)),
                                "To split it, " + FormatPacking(role, FormatStateDict(*inside, *prefix, shown))};
    } else if (is_export && prefix->empty()) {
      return FolderDescription{
          fmt::format("The folder holds {}: that is a {} as the exporter writes it, and audiocraft opens {} only",
                      shown, Describe(role), FileName(role)),
          fmt::format("Rename it to {}", FileName(role))};
    } else if (inside->package == Inside::Package::kTraining) {
      if (trained.empty() || IsLater(name, trained)) trained = name;
    } else {
      found = FolderDescription{
          fmt::format(
              "The folder holds {}: the {}'s tensors{}, without the config that audiocraft builds the model from (xp.cfg)",
              shown, Describe(role),
              inside->place.empty() ? " alone (a bare state dict)"
                                    : fmt::format(" under {}", fmt::join(inside->place, "."))),
          "Renaming it is not enough: " + FormatPacking(role, FormatStateDict(*inside, *prefix, shown))};
    }
  }
  if (!trained.empty()) {
    return FolderDescription{
        fmt::format("The folder holds {}, a checkpoint of audiocraft's training of a {}, from which "
                    "the exporter makes the file",
                    ShownName(trained), Describe(role)),
        fmt::format("Run {}", FormatExporterCall(role, ShownName(trained)))};
  }
  return found;
}

FolderDescription DescribeContents(const fs::path& folder, Role role, const std::vector<std::string>& names,
                                   bool other_half) {
  const auto find = [&](auto&& matches) { return FindFirst(names, matches); };
  if (const auto partial = find([&](const std::string& name) {
        return name.starts_with(FileName(role)) &&
               EndsWithAny(name, {".incomplete", ".part", ".partial", ".crdownload", ".aria2"});
      })) {
    return {fmt::format("The folder holds {}: a download that is still running or broke off", ShownName(*partial)),
            "Let the download finish, or start it again"};
  }
  if (auto near = DescribeNearName(names, role)) return *near;
  const std::vector<fs::path> below = FilesBelow(folder);
  if (auto deeper = DescribeBelow(folder, below, role, other_half)) return *deeper;
  if (auto unzipped = DescribeUnzipped(names, below, role)) return *unzipped;
  const std::string stem = fs::path(FileName(role)).stem().string();
  if (const auto renamed = find([&](const std::string& name) { return name.starts_with(stem); })) {
    if (auto inside = DescribeInside(folder, {*renamed}, role)) return *inside;
    return {fmt::format("The folder holds {}, and audiocraft opens {} only", ShownName(*renamed), FileName(role)),
            fmt::format("If that is the file, rename it to {}. Else write it with {}", FileName(role),
                        FormatExporterCall(role))};
  }
  const auto weights = find([](const std::string& name) {
    return name.ends_with(".safetensors") || (name.starts_with("pytorch_model") && name.ends_with(".bin"));
  });
  if (role == Role::kLanguageModel || !other_half) {
    for (const Sign& sign : kTrainers) {
      if (const auto name = find([&](const std::string& other) { return Matches(other, sign.pattern); })) {
        return {fmt::format("The folder holds {}{}", ShownName(*name), sign.what),
                fmt::format("{}, and then {}", sign.remedy, FormatPacking(role, "its tensors, by audiocraft's names")),
                true};
      }
    }
  }
  if (!other_half && weights && Has(names, "config.json")) {
    return {
        fmt::format("The folder holds {} and config.json: a model of the Transformers library (save_pretrained), "
                    "which audiocraft can't load. Transformers converts audiocraft's exports; there is no converter "
                    "back",
                    ShownName(*weights)),
        architecture::kFromTransformers, true};
  }
  if (!weights || other_half) {
    if (auto inside = DescribeInside(folder, names, role)) return *inside;
  }
  if (const auto training = find(IsTrainingCheckpoint); training && !LookInside(folder / *training)) {
    // The trainer's own folder: its checkpoint is of one of the two, and which only its contents say.
    return {fmt::format("The folder holds {}, a checkpoint of audiocraft's training, from which the exporter makes the "
                        "file",
                        ShownName(*training)),
            fmt::format("Run {}", FormatExporterCall(role, ShownName(*training)))};
  }
  if (const auto shard = find(IsShard)) {
    const std::string whole = ShownName(shard->substr(0, shard->find(".th.") + 3));
    return {fmt::format("The folder holds {}, what one rank saved of a training with FSDP. The whole model is in {} of "
                        "rank 0 only",
                        ShownName(*shard), whole),
            fmt::format("Copy {} of rank 0 here, and run {}", whole, FormatExporterCall(role, whole))};
  }
  if (!other_half && weights) {
    return {fmt::format("The folder holds {}: weights that Accelerate or Diffusers saved, without the config that "
                        "audiocraft builds the model from",
                        ShownName(*weights)),
            "Where its tensors have audiocraft's names, " +
                FormatPacking(role, weights->ends_with(".safetensors")
                                        ? fmt::format("safetensors.torch.load_file('{}')", ShownName(*weights))
                                        : fmt::format("torch.load('{}', 'cpu')", ShownName(*weights))),
            true};
  }
  if (!other_half) {
    if (const auto lightning = find([](const std::string& name) { return name.ends_with(".ckpt"); })) {
      return {
          fmt::format("The folder holds {}, a checkpoint of PyTorch Lightning or the like, which audiocraft can't load",
                      ShownName(*lightning)),
          "For the model's tensors in it (state_dict), " + FormatPacking(role, "these, by audiocraft's names"), true};
    }
    for (const std::string_view pattern : kArchives) {
      if (const auto archive = find([&](const std::string& name) { return Matches(name, pattern); })) {
        return {fmt::format("The folder holds {}, an archive: audiocraft opens none", ShownName(*archive)),
                fmt::format("Unpack it, and give the folder with {} and {}", FileName(Role::kLanguageModel),
                            FileName(Role::kCodec)),
                true};
      }
    }
    const auto unfinished = std::find_if(below.begin(), below.end(), [](const fs::path& file) {
      return file.string().starts_with(".cache/huggingface/") && file.extension() == ".incomplete";
    });
    if (unfinished != below.end()) {
      return {fmt::format("The folder holds {} only: a download of the hub's client that broke off",
                          ShownName(unfinished->parent_path().string())),
              "Run the same download again: it goes on where it stopped", true};
    }
  }
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) shown.push_back(ShownName(names[i]));
  if (names.size() > kShown) shown.push_back(fmt::format("and {} more", names.size() - kShown));
  const std::string what = fmt::format("The folder holds {}", fmt::join(shown, ", "));
  const std::string write = fmt::format("write it with {}", FormatExporterCall(role));
  if (other_half || role == Role::kCodec) return {what, "Copy it from where the rest came from, or " + write};
  return {what, fmt::format("Give the folder that holds {} and {}. After a training of audiocraft, {}",
                            FileName(Role::kLanguageModel), FileName(Role::kCodec), write)};
}

}  // namespace

FolderDescription DescribeFolder(const fs::path& folder, Role role) {
  const std::vector<std::string> names = NamesIn(folder);
  const std::string first = FileName(Role::kLanguageModel);
  const bool other_half = Has(names, role == Role::kLanguageModel ? FileName(Role::kCodec) : first);
  if (role == Role::kCodec && !other_half && DescribeContents(folder, Role::kLanguageModel, names, false).of_both) {
    return {fmt::format("What is said of {} holds for both", first), "", true};
  }
  return DescribeContents(folder, role, names, other_half);
}

}  // namespace harness::exports
