#include "harness/export/export_file.h"

#include <fmt/format.h>

#include "harness/archive/file_kind.h"
#include "harness/base/safe_text.h"
#include "harness/checkpoint/record_safety.h"
#include "harness/export/folder_contents.h"
#include "harness/export/look_inside.h"
#include "harness/export/plain_config.h"
#include "harness/pickle/plain_value.h"

namespace harness::exports {
namespace {

checkpoint::PackageAdvice AdviceFor(Role role) {
  const std::string call = "Make it with audiocraft.utils.export: ";
  if (role == Role::kLanguageModel) {
    return {call + "export_lm('checkpoint.th', 'state_dict.bin')",
            "export_lm was given the file of a rank above 0 of a training with FSDP (checkpoint.th.1 and so on), whose "
            "fsdp_best_state holds nothing; the whole model is in rank 0's checkpoint.th",
            "Take the checkpoint.th of rank 0, and export it: export_lm('checkpoint.th', 'state_dict.bin')"};
  }
  return {
      call +
          "export_encodec('checkpoint.th', 'compression_state_dict.bin'), or export_pretrained_compression_model "
          "where the codec is a known one",
      "it holds no tensor, nor did the checkpoint's best_state['model'], from which the exporter takes them and which "
      "the first evaluation of the training fills",
      "Export a checkpoint of after the first evaluation: export_encodec('checkpoint.th', "
      "'compression_state_dict.bin')"};
}

// What is no package, said of what its tensors are: of both models, of the other one, of another trainer, of a third.
Error DescribeTensors(const checkpoint::Checkpoint& checkpoint, Role role, Error error) {
  const std::string name = FileName(role);
  const auto inside = LookInside(checkpoint);
  if (!inside) {
    if (const Stranger* stranger = FindStranger(checkpoint)) {
      if (stranger->what != nullptr)
        error.message += fmt::format(". By its tensors it is {}, not a {}", stranger->what, Describe(role));
      error.remedy = stranger->remedy;
    }
    return error;
  }
  if (inside->package != Inside::Package::kOther) return error;
  const auto& own = role == Role::kLanguageModel ? inside->language_model : inside->codec;
  if (!own) {
    const Role other = role == Role::kLanguageModel ? Role::kCodec : Role::kLanguageModel;
    error.message += fmt::format(". Its tensors are those of a {}, not of a {}", Describe(other), Describe(role));
    error.remedy =
        fmt::format("Put the {} here; {} is the file for a {}", Describe(role), FileName(other), Describe(other));
    return error;
  }
  if (inside->language_model && inside->codec) {
    error.message += fmt::format(". It holds both models ({}* and {}*), and audiocraft reads two files",
                                 Printable(*inside->language_model, 60), Printable(*inside->codec, 60));
  }
  std::string packing = FormatPacking(role, FormatStateDict(*inside, *own, name));
  packing[0] = 'T';
  error.remedy = std::move(packing);
  return error;
}

// `text` without the name of the file, which stands in front already.
std::string Without(std::string text, const std::string& part) {
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at)) text.erase(at, part.size());
  return text;
}

// What leads from weights of another format to an export, where they are the model's own.
std::string DescribeConversion(archive::FileKind kind, Role role, std::string remedy) {
  const char* name = FileName(role);
  if (kind == archive::FileKind::kSafetensors) {
    return fmt::format("Take the export that it was converted from. Where its tensors have audiocraft's names, {}",
                       FormatPacking(role, fmt::format("safetensors.torch.load_file('{}')", name)));
  }
  if (kind == archive::FileKind::kPlainPickle) {
    return fmt::format(
        "Where you wrote it, write it again with torch.save: torch.save(pickle.load(open('{0}', 'rb')), "
        "'{0}'). Do not load a file of somebody else's",
        name);
  }
  return remedy;
}

}  // namespace

ExportFile::ExportFile(const std::filesystem::path& folder, Role role)
    : ExportFile(role, folder / FileName(role), IsOfFolder(folder / FileName(role), folder)) {}

ExportFile::ExportFile(Role role, std::filesystem::path path, bool of_export)
    : role_(role), path_(std::move(path)), of_export_(of_export) {}

std::string ExportFile::ConfigSource() const { return fmt::format("{}: xp.cfg", FileName(role_)); }

const Status& ExportFile::Present() {
  if (present_) return *present_;
  auto mapped = MappedFile::Open(path_);
  if (!mapped.ok()) {
    const Error& error = mapped.error();
    if (error.code == ErrorCode::kMachine) return *(present_ = error);
    std::error_code ignored;
    const bool is_link = std::filesystem::is_symlink(path_, ignored);
    if (error.code == ErrorCode::kNotFound && !is_link) {
      FolderDescription folder = DescribeFolder(path_.parent_path(), role_);
      present_ = Error{error.code, fmt::format("{}. {}", error.message, folder.what), std::move(folder.remedy)};
    } else {
      present_ = error;
    }
  } else if (mapped->bytes().empty()) {
    present_ = Error{ErrorCode::kCorrupt,
                     fmt::format("{} is empty (0 bytes): the copy or the export broke off", path_.string()),
                     "Copy or export it again"};
  } else {
    mapped_ = std::move(mapped).value();
    present_ = Status{};
  }
  return *present_;
}

const Status& ExportFile::Format() {
  if (format_) return *format_;
  const archive::FileKind kind = archive::SniffFileKind(mapped_.bytes());
  if (kind == archive::FileKind::kTorchZip || kind == archive::FileKind::kTorchLegacy) {
    format_ = Status{};
    return *format_;
  }
  archive::FileDescription description =
      archive::DescribeFileKind(kind, mapped_.bytes(), FormatExporterCall(role_), of_export_);
  if (of_export_) description.remedy = DescribeConversion(kind, role_, std::move(description.remedy));
  const std::string name = path_.filename() == FileName(role_) ? FileName(role_) : path_.string();
  const bool is_tar =
      kind == archive::FileKind::kTorchTar || kind == archive::FileKind::kTar;  // of which torch.load loads some
  // A link is not the file that it leads to, nor is a reference.
  const bool is_link = !of_export_ && path_.filename() == FileName(role_);
  if (is_link)
    description.remedy = fmt::format("Put the model's own file in the place of the link, or export it with {}",
                                     FormatExporterCall(role_));
  const char* way = is_link      ? " is a link out of the export: that file"
                    : of_export_ ? ""
                                 : ", to which pretrained leads,";
  const std::string shown = name + way;
  std::string message = fmt::format("{} {}{}", shown, description.what, is_tar ? "" : ". audiocraft can't load it");
  if (!of_export_) message += ". It lies outside of the export, so that nothing of what it holds is shown here";
  // torch.load takes every file that is not an archive for a pickle, and runs it before it finds out.
  if (const Status safety = checkpoint::CheckStrayPickles(mapped_.bytes(), name); !safety.ok()) {
    message += of_export_ ? ". It is dangerous, too: " + Without(safety.error().message, name + ": ")
                          : ". It is dangerous, too: torch.load runs code that it brings";
    description.remedy = safety.error().remedy;
  }
  format_ = Error{ErrorCode::kMismatch, std::move(message), std::move(description.remedy)};
  return *format_;
}

const checkpoint::Checkpoint& ExportFile::checkpoint() {
  if (!checkpoint_) checkpoint_ = checkpoint::Checkpoint::Read(std::move(mapped_));
  return *checkpoint_;
}

const Result<checkpoint::Package>& ExportFile::package() {
  if (!package_) {
    const auto kind =
        role_ == Role::kLanguageModel ? checkpoint::PackageKind::kLanguageModel : checkpoint::PackageKind::kCodec;
    package_ = checkpoint::ReadPackage(checkpoint(), kind, AdviceFor(role_));
    if (!package_->ok() && package_->error().code == ErrorCode::kMismatch)
      package_ = DescribeTensors(checkpoint(), role_, package_->error());
  }
  return *package_;
}

const Result<config::Config>& ExportFile::config() {
  if (config_) return *config_;
  const pickle::Pickle& pickle = checkpoint().pickle();
  const pickle::Node& node = pickle[package()->config];
  if (node.kind == pickle::Node::Kind::kString) {
    config_ = config::Config::Parse(node.text, ConfigSource());
    return *config_;
  }
  auto plain = pickle::ToPlainValue(pickle, package()->config);
  if (plain.ok()) {
    config_ = config::Config::FromValue(ToConfigValue(*plain), ConfigSource());
  } else {
    config_ = plain.error().In(ConfigSource());
  }
  return *config_;
}

}  // namespace harness::exports
