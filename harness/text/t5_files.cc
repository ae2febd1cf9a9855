#include "harness/text/t5_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string_view>
#include <vector>

#include "harness/architecture/agreement.h"
#include "harness/base/mapped_file.h"
#include "harness/checkpoint/weights_file.h"
#include "harness/text/t5_tokenizer.h"

namespace harness::text {
namespace {

namespace fs = std::filesystem;

std::string Fetch(const std::string& name) {
  return fmt::format("Fetch it with `hf download {0}` or `huggingface-cli download {0}`", name);
}

// Where the model of the hub is wanted. The client leaves a file that is in the cache as it is, unless it is told to.
std::string MakeWay(const std::string& name, const T5Files& files, bool anew = true) {
  if (!files.in_working_directory) {
    return anew ? fmt::format(
                      "Fetch it anew with `hf download {0} --force-download`: without that, the client keeps "
                      "the files that are there",
                      name)
                : Fetch(name);
  }
  return fmt::format(
      "The folder {} has the model's name and wins over the hub cache: rename it, or start elsewhere, for {} of the hub",
      files.folder.string(), name);
}

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// A link into the cache's blobs whose target is gone reads as a file that is not there.
Status CheckAllFiles(const std::string& name, const T5Files& files) {
  std::vector<std::string> missing;
  for (const char* file : {"config.json", "spiece.model"}) {
    if (!IsFile(files.folder / file)) missing.emplace_back(file);
  }
  const std::array weights = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                              "pytorch_model.bin.index.json"};
  bool found = false;
  for (const char* file : weights) found |= IsFile(files.folder / file);
  if (!found) missing.emplace_back("weights (model.safetensors or pytorch_model.bin, or the index of their shards)");
  if (missing.empty()) return {};
  return Error{
      ErrorCode::kNotFound,
      fmt::format("{} is not complete: {} has no {}", name, files.folder.string(), fmt::join(missing, ", no ")),
      MakeWay(name, files, false)};
}

}  // namespace

Result<T5Files> FindT5(const std::string& name, const hub::HubCache& hub, int64_t dim,
                       const fs::path& working_directory) {
  T5Files files;
  std::error_code error;
  const fs::path local = working_directory / name;
  if (fs::is_directory(local, error)) {
    files.folder = local;
    files.in_working_directory = true;
  } else if (IsFile(local)) {
    return Error{
        ErrorCode::kMismatch,
        fmt::format("the file {} has the name of the model {}: from_pretrained takes it for its vocabulary and its "
                    "config",
                    local.string(), name),
        "Rename it, or start elsewhere"};
  } else {
    Result<fs::path> snapshot = hub.Snapshot(name);
    if (!snapshot.ok()) {
      return Error{
          snapshot.error().code,
          fmt::format("{}, and there is no folder {} in the working directory", snapshot.error().message, name),
          snapshot.error().remedy.empty() ? Fetch(name) : snapshot.error().remedy};
    }
    files.folder = std::move(snapshot).value();
  }
  HARNESS_RETURN_IF_ERROR(CheckAllFiles(name, files));
  const fs::path config = files.folder / "config.json";
  HARNESS_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(config));
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  HARNESS_ASSIGN_OR_RETURN(files.spec, architecture::ReadT5Spec(text, config.string()));
  if (dim != 0 && files.spec.d_model != dim) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("{}: d_model is {}, and T5Conditioner expects {} of {}: another model under that name",
                             config.string(), files.spec.d_model, dim, name),
                 MakeWay(name, files)};
  }
  return files;
}

Status CheckT5(const std::string& name, const hub::HubCache& hub, int64_t dim, const fs::path& working_directory) {
  HARNESS_ASSIGN_OR_RETURN(const T5Files files, FindT5(name, hub, dim, working_directory));
  HARNESS_ASSIGN_OR_RETURN(const T5Tokenizer tokenizer, T5Tokenizer::FromFolder(files.folder));
  HARNESS_ASSIGN_OR_RETURN(const checkpoint::WeightsFile weights, checkpoint::WeightsFile::Find(files.folder));
  std::vector<architecture::FoundTensor> found;
  for (const checkpoint::WeightView& weight : weights.weights()) found.push_back({weight.name, weight.shape});
  const architecture::Agreement agreement =
      architecture::Compare(architecture::ListT5CheckpointTensors(files.spec), found);
  for (const auto& [group, disagreement] : agreement.groups) {
    if (disagreement.empty()) continue;
    return Error{ErrorCode::kMismatch,
                 fmt::format("{}: {}. from_pretrained leaves what is missing at random, with a warning that audiocraft "
                             "silences",
                             weights.path().string(), architecture::DescribeDisagreement(disagreement)),
                 MakeWay(name, files)};
  }
  return {};
}

}  // namespace harness::text
