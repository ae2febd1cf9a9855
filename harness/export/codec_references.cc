#include "harness/export/codec_references.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "harness/architecture/hub_encodec.h"
#include "harness/base/json_text.h"
#include "harness/export/plain_config.h"
#include "harness/pickle/plain_value.h"

namespace harness::exports {

namespace fs = std::filesystem;

namespace {

constexpr uintmax_t kLargestConfig = 1 << 20;

// The error, said of `file`, where it does not name it already.
Error Locate(const fs::path& file, const Error& error) {
  const std::string path = file.string();
  return error.message.starts_with(path) ? error : error.In(path);
}

// Errors: tensors of `specs` that are missing or of another shape; those that only training reads may be missing.
Result<BoundTensors> BindTensors(std::vector<architecture::TensorSpec> specs,
                                 const std::vector<architecture::FoundTensor>& found) {
  std::erase_if(specs, [](const architecture::TensorSpec& spec) { return spec.training_only; });
  architecture::Agreement agreement = architecture::Compare(specs, found);
  std::string problems;
  for (const auto& [group, disagreement] : agreement.groups) {
    if (!disagreement.empty())
      problems += (problems.empty() ? "" : "; ") + architecture::DescribeDisagreement(disagreement);
  }
  if (!problems.empty()) return Error{ErrorCode::kMismatch, problems};
  return BoundTensors{std::move(specs), std::move(agreement.binding)};
}

// Every stage of an opened file that must be ok before its weights are used.
Status CheckStages(const checkpoint::Checkpoint& checkpoint) {
  for (const Status* status :
       {&checkpoint.safety_status(), &checkpoint.unambiguous_status(), &checkpoint.structure_status(),
        &checkpoint.pickle_status(), &checkpoint.storage_status(), &checkpoint.tensor_status()}) {
    HARNESS_RETURN_IF_ERROR(*status);
  }
  return {};
}

config::ConfigValue FromJson(const nlohmann::json& json) {  // ParseJson bounds the depth
  if (json.is_boolean()) return {json.get<bool>()};
  if (json.is_number_integer() && !(json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX)) {
    return {json.get<int64_t>()};
  }
  if (json.is_number()) return {json.get<double>()};
  if (json.is_string()) return {json.get<std::string>()};
  if (json.is_array()) {
    config::ConfigValue::List list;
    for (const auto& item : json) list.push_back(FromJson(item));
    return {std::move(list)};
  }
  if (json.is_object()) {
    config::ConfigValue::Map map;
    for (const auto& [key, value] : json.items()) map.emplace_back(key, FromJson(value));
    return {std::move(map)};
  }
  return {};
}

}  // namespace

Error Withhold(const fs::path& file, const Error& error) {
  const auto what = [&] {
    switch (error.code) {
      case ErrorCode::kNotFound: return "is not there";
      case ErrorCode::kCorrupt: return "is damaged";
      case ErrorCode::kUnsupported: return "is a checkpoint that this suite can't judge";
      case ErrorCode::kMismatch: return "does not hold a codec whose tensors and config agree";
      case ErrorCode::kUnsafe: return "runs code when it is loaded";
      case ErrorCode::kIo: return "can't be read";
      case ErrorCode::kMachine: break;
    }
    return "can't be judged";
  };
  if (error.code == ErrorCode::kMachine) return error;
  return {error.code,
          fmt::format("{} {}. It lies outside of the export, so that nothing of what it holds is shown here",
                      file.string(), what()),
          "Export with export_encodec, which puts the codec's weights into the export"};
}

Result<FollowedPackage> FollowPackage(const fs::path& path, bool of_export) {
  const auto refer = [&](const Error& error) { return of_export ? Locate(path, error) : Withhold(path, error); };
  FollowedPackage followed;
  auto file = std::make_unique<ExportFile>(Role::kCodec, path, of_export);
  // A path that exists but holds no package is an error in audiocraft, not a cache to be filled.
  if (const Status& status = file->Present(); !status.ok()) {
    Error error = refer(status.error());
    if (error.code != ErrorCode::kMachine) error.code = ErrorCode::kMismatch;
    return error;
  }
  if (const Status& status = file->Format(); !status.ok()) return Locate(path, status.error());
  if (const Status status = CheckStages(file->checkpoint()); !status.ok()) return refer(status.error());
  const auto& package = file->package();
  if (!package.ok()) return refer(package.error());
  if (package->pretrained) {
    followed.next = package->pretrained;
    return followed;
  }
  if (!file->config().ok()) return refer(file->config().error());
  auto spec = architecture::DescribeCodec(*file->config());
  if (!spec.ok()) return refer(spec.error());
  PackagedCodec codec{
      .spec = *spec, .tensors = {.specs = architecture::ListCodecTensors(*spec), .binding = {}}, .file = {}};
  std::vector<architecture::FoundTensor> found;
  for (const checkpoint::NamedTensor& named : package->best_state) {
    found.push_back({named.name, file->checkpoint().tensors()[named.tensor].shape});
  }
  // Strictly: load_state_dict raises for every difference, what only training reads included.
  const architecture::Agreement agreement = architecture::Compare(codec.tensors.specs, found);
  if (!agreement.unexpected.empty()) {
    return refer({ErrorCode::kMismatch, fmt::format("tensors that its config does not ask for: {}",
                                                    architecture::FoldNames(agreement.unexpected))});
  }
  for (const auto& [group, disagreement] : agreement.groups) {
    if (!disagreement.empty()) return refer({ErrorCode::kMismatch, architecture::DescribeDisagreement(disagreement)});
  }
  for (const size_t index : agreement.binding) codec.tensors.binding.push_back(package->best_state[index].tensor);
  codec.file = std::move(file);
  followed.codec = DescribeOwnCodec(*spec);
  followed.codec.name = path.string();
  followed.codec.source = std::move(codec);
  return followed;
}

Result<CodecDescription> FollowHub(const std::string& name, const hub::HubCache& hub) {
  HARNESS_ASSIGN_OR_RETURN(const fs::path folder, hub.Snapshot(name));
  const fs::path path = folder / "config.json";
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (error) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("{} is not wholly in the hub cache: there is no {}", name, path.string())};
  }
  if (size > kLargestConfig) {
    return Error{ErrorCode::kCorrupt, fmt::format("{} has {} bytes (expected {} at most): no config is as long",
                                                  path.string(), size, kLargestConfig)};
  }
  std::ifstream stream(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  HARNESS_ASSIGN_OR_RETURN(const JsonDocument document, ParseJson(text, path.string()));
  const config::ConfigValue config = FromJson(document.root);
  const auto* map = std::get_if<config::ConfigValue::Map>(&config.data);
  if (map == nullptr) return Error{ErrorCode::kMismatch, fmt::format("{} does not hold an object", path.string())};
  HARNESS_ASSIGN_OR_RETURN(architecture::HubEncodec model, architecture::DescribeHubEncodec(*map, path.string()));
  HARNESS_ASSIGN_OR_RETURN(checkpoint::WeightsFile weights, checkpoint::WeightsFile::Find(folder));

  std::vector<architecture::FoundTensor> found;
  for (const checkpoint::WeightView& view : weights.weights()) found.push_back({view.name, view.shape});
  auto tensors = BindTensors(architecture::ListCodecTensors(model.spec), found);
  if (!tensors.ok()) {
    return Error{tensors.error().code,
                 fmt::format("{}: {} (config.json beside it). from_pretrained raises, or leaves missing tensors random",
                             weights.path().string(), tensors.error().message),
                 tensors.error().remedy};
  }
  CodecDescription codec{.name = name,
                         .facts = model.facts,
                         .encoder_hop = model.spec.encoder.hop_length(),
                         .decoder_hop = model.spec.decoder.hop_length(),
                         .source = {}};
  codec.source = HubCodec{std::move(model.spec), std::move(tensors).value(),
                          std::make_unique<checkpoint::WeightsFile>(std::move(weights))};
  return codec;
}

Result<CodecDescription> FollowDac(const architecture::KnownCodec& known, const fs::path& folder) {
  const fs::path path = folder / known.dac_weights.value();
  const auto refer = [&](const Error& error) { return Locate(path, error); };
  std::error_code error;
  if (!fs::exists(path, error)) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("{} is not in DAC's cache: there is no {}", known.name, path.string())};
  }
  auto mapped = MappedFile::Open(path);
  if (!mapped.ok()) {
    Error unreadable = refer(mapped.error());
    unreadable.code = ErrorCode::kIo;
    return unreadable;
  }
  auto checkpoint = std::make_unique<checkpoint::Checkpoint>(checkpoint::Checkpoint::Read(std::move(mapped).value()));
  if (const Status status = CheckStages(*checkpoint); !status.ok()) return refer(status.error());
  const pickle::Pickle& pickle = checkpoint->pickle();
  const pickle::NodeId metadata = pickle.Find(pickle.root, "metadata"), state = pickle.Find(pickle.root, "state_dict");
  const pickle::NodeId kwargs = metadata == pickle::kNoNode ? pickle::kNoNode : pickle.Find(metadata, "kwargs");
  if (kwargs == pickle::kNoNode || state == pickle::kNoNode) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("{} has no state_dict, or no metadata.kwargs: dac did not write it", path.string())};
  }
  auto plain = pickle::ToPlainValue(pickle, kwargs);
  if (!plain.ok()) return refer(plain.error());
  const config::ConfigValue arguments = ToConfigValue(*plain);
  const auto* map = std::get_if<config::ConfigValue::Map>(&arguments.data);
  if (map == nullptr) return Error{ErrorCode::kMismatch, path.string() + ": metadata.kwargs is not a dict"};
  HARNESS_ASSIGN_OR_RETURN(architecture::Dac dac, architecture::DescribeDac(*map, path.string()));

  std::vector<architecture::FoundTensor> found;
  std::vector<size_t> indices;
  for (const auto& [key, value] : pickle[state].pairs) {
    if (pickle[value].kind != pickle::Node::Kind::kTensor) continue;
    indices.push_back(pickle[value].tensor);
    found.push_back({pickle[key].text, checkpoint->tensors()[indices.back()].shape});
  }
  auto tensors = BindTensors(architecture::ListDacTensors(dac.spec), found);
  if (!tensors.ok()) return refer(tensors.error());
  for (size_t& index : tensors->binding) index = indices[index];
  CodecDescription codec{
      .name = known.name,
      .facts = dac.facts,
      .encoder_hop = static_cast<int64_t>(static_cast<double>(dac.facts.sample_rate_hz) / dac.facts.frame_rate_hz + .5),
      .decoder_hop = dac.facts.hop_length,
      .source = {}};
  codec.source = DacCodecFile{std::move(dac.spec), std::move(tensors).value(), std::move(checkpoint)};
  return codec;
}

}  // namespace harness::exports
