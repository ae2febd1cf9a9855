#include "harness/checkpoint/weights_file.h"

#include <fmt/format.h>

#include <set>
#include <unordered_map>
#include <utility>

#include "harness/archive/file_kind.h"
#include "harness/base/json_text.h"
#include "harness/base/mapped_file.h"
#include "harness/base/safe_text.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/safetensors.h"

namespace harness::checkpoint {
namespace {

namespace fs = std::filesystem;

std::vector<int64_t> RowMajor(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<int64_t>(shape[i], 1);
  return strides;
}

// from_pretrained(torch.load(weights_only=True)): a pickle that calls anything does not load there.
Status CheckStages(const Checkpoint& checkpoint) {
  for (const Status* stage :
       {&checkpoint.unambiguous_status(), &checkpoint.structure_status(), &checkpoint.pickle_status(),
        &checkpoint.safety_status(), &checkpoint.storage_status(), &checkpoint.tensor_status()}) {
    if (!stage->ok()) return stage->error();
  }
  return {};
}

}  // namespace

struct WeightsFile::Impl {
  fs::path path;
  std::vector<MappedFile> files;
  std::vector<Checkpoint> checkpoints;
  std::vector<WeightView> weights;
  std::unordered_map<std::string, size_t> by_name;

  // A name that two shards hold: the one read last wins, as there.
  void Add(WeightView weight) {
    const auto [it, added] = by_name.try_emplace(weight.name, weights.size());
    if (added) {
      weights.push_back(std::move(weight));
    } else {
      weights[it->second] = std::move(weight);
    }
  }

  Status AddFile(const fs::path& file, bool check_format);
  Status AddSafetensors(const MappedFile& file, bool check_format);
  Status AddCheckpoint(MappedFile file);
  Status AddShards(const fs::path& index);
};

Status WeightsFile::Impl::AddFile(const fs::path& file, bool check_format) {
  HARNESS_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::Open(file));
  const archive::FileKind kind = archive::SniffFileKind(mapped.bytes());
  const bool safetensors = kind == archive::FileKind::kSafetensors || file.extension() == ".safetensors";
  if (!safetensors ||
      (!check_format && (kind == archive::FileKind::kTorchZip || kind == archive::FileKind::kTorchLegacy))) {
    return AddCheckpoint(std::move(mapped));
  }
  files.push_back(std::move(mapped));
  return AddSafetensors(files.back(), check_format);
}

Status WeightsFile::Impl::AddSafetensors(const MappedFile& file, bool check_format) {
  HARNESS_ASSIGN_OR_RETURN(Safetensors content, ReadSafetensors(file.bytes(), file.path().string()));
  if (check_format) {
    const auto format = content.metadata.find("format");
    if (format == content.metadata.end() || (format->second != "pt" && format->second != "mlx")) {
      return Error{
          ErrorCode::kUnsupported,
          fmt::format("{}: __metadata__ does not say \"format\": \"pt\" (found {}): from_pretrained refuses it, "
                      "or takes it for the weights of another framework",
                      file.path().string(),
                      format == content.metadata.end() ? "none" : '"' + Printable(format->second, 40) + '"'),
          "Save it with save_pretrained, or save_file(..., metadata={\"format\": \"pt\"})"};
    }
  }
  for (SafetensorsEntry& entry : content.entries) {
    std::vector<int64_t> strides = RowMajor(entry.shape);
    Add({std::move(entry.name), entry.dtype, std::move(entry.shape), std::move(strides), entry.bytes});
  }
  return {};
}

Status WeightsFile::Impl::AddCheckpoint(MappedFile file) {
  checkpoints.push_back(Checkpoint::Read(std::move(file)));
  const Checkpoint& checkpoint = checkpoints.back();
  HARNESS_RETURN_IF_ERROR(CheckStages(checkpoint));
  const pickle::Pickle& pickle = checkpoint.pickle();
  const std::string name = checkpoint.file().path().string();
  const pickle::Node* root = pickle.Root();
  if (root == nullptr || root->kind != pickle::Node::Kind::kDict) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("{}: holds {}, not a dict of tensors, which from_pretrained expects", name,
                             root == nullptr ? "nothing" : pickle.Describe(pickle.root, 80))};
  }
  for (const auto& [key, value] : root->pairs) {
    // Anything else is an unexpected key to from_pretrained, which passes over it.
    if (pickle[key].kind != pickle::Node::Kind::kString || pickle[value].kind != pickle::Node::Kind::kTensor) continue;
    const pickle::TensorView& view = checkpoint.tensors()[pickle[value].tensor];
    if (!view.valid) {
      return Error{ErrorCode::kCorrupt,
                   fmt::format("{}: tensor {} reaches beyond its storage", name, Printable(pickle[key].text))};
    }
    std::span<const std::byte> bytes;
    if (view.num_elements() > 0) {
      const pickle::Storage& storage = checkpoint.storages()[view.storage];
      bytes = storage.bytes.subspan(static_cast<size_t>(view.offset) * pickle::CountElementBytes(view.dtype));
    }
    Add({pickle[key].text, view.dtype, view.shape, view.strides, bytes});
  }
  if (weights.empty() && !root->pairs.empty()) {
    const bool nested = pickle.Find(pickle.root, "state_dict") != pickle::kNoNode ||
                        pickle.Find(pickle.root, "model") != pickle::kNoNode;
    return Error{
        ErrorCode::kMismatch,
        fmt::format("{}: holds no tensor at its top level{}: from_pretrained would leave every weight at random", name,
                    nested ? ", but a state dict inside another one" : "")};
  }
  return {};
}

Status WeightsFile::Impl::AddShards(const fs::path& index) {
  const std::string name = index.string();
  HARNESS_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(index));
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  HARNESS_ASSIGN_OR_RETURN(const JsonDocument document, ParseJson(text, name));
  const auto map = document.root.find("weight_map");
  if (map == document.root.end() || !map->is_object() || map->empty() || !document.root.contains("metadata")) {
    return Error{ErrorCode::kCorrupt, fmt::format("{}: has no weight_map with names of files, or no metadata", name)};
  }
  std::set<std::string> shards;  // sorted, as get_checkpoint_shard_files sorts them
  for (const auto& [key, value] : map->items()) {
    if (!value.is_string() || value.get<std::string>().find_first_of(std::string("/\0", 2)) != std::string::npos ||
        value == "..") {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{}: weight_map gives {} the file {}, which is not a plain name", name, Printable(key),
                               Printable(value.dump(-1, ' ', true), 80))};
    }
    shards.insert(value.get<std::string>());
  }
  for (const std::string& shard : shards) {
    std::error_code error;
    if (!fs::exists(index.parent_path() / shard, error)) {
      return Error{ErrorCode::kNotFound,
                   fmt::format("{}: names the shard {}, and there is no {}: the download is not complete", name,
                               Printable(shard), (index.parent_path() / shard).string()),
                   "Download it again"};
    }
    HARNESS_RETURN_IF_ERROR(AddFile(index.parent_path() / shard, true));
  }
  return {};
}

Result<WeightsFile> WeightsFile::Read(const fs::path& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  HARNESS_RETURN_IF_ERROR(impl->AddFile(path, false));
  return WeightsFile(std::move(impl));
}

Result<WeightsFile> WeightsFile::Find(const fs::path& folder) {
  for (const char* name :
       {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    std::error_code error;
    const fs::path path = folder / name;
    // is_regular_file: a link of the hub cache whose blob is gone is not there, to from_pretrained as well.
    if (!fs::is_regular_file(path, error)) continue;
    auto impl = std::make_unique<Impl>();
    impl->path = path;
    HARNESS_RETURN_IF_ERROR(path.extension() == ".json" ? impl->AddShards(path) : impl->AddFile(path, true));
    return WeightsFile(std::move(impl));
  }
  return Error{ErrorCode::kNotFound, fmt::format("{} has no weights: none of model.safetensors, "
                                                 "model.safetensors.index.json, pytorch_model.bin and "
                                                 "pytorch_model.bin.index.json is there",
                                                 folder.string())};
}

WeightsFile::WeightsFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WeightsFile::WeightsFile(WeightsFile&&) noexcept = default;
WeightsFile& WeightsFile::operator=(WeightsFile&&) noexcept = default;
WeightsFile::~WeightsFile() = default;

const fs::path& WeightsFile::path() const { return impl_->path; }
const std::vector<WeightView>& WeightsFile::weights() const { return impl_->weights; }

}  // namespace harness::checkpoint
