#include "harness/export/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <variant>

#include "harness/architecture/conditioner_tensors.h"
#include "harness/export/follow_reference.h"
#include "harness/text/t5_files.h"

namespace harness::exports {

std::vector<size_t> CheckedTensors::Binding() const {
  std::vector<size_t> binding;
  for (const size_t index : agreement.binding) binding.push_back(found_tensor[index]);
  return binding;
}

Export::Export(std::filesystem::path folder, hub::HubCache hub, std::filesystem::path working_directory)
    : folder_(std::move(folder)),
      hub_(std::move(hub)),
      working_directory_(std::move(working_directory)),
      language_model_(folder_, Role::kLanguageModel),
      codec_(folder_, Role::kCodec) {}

const Status& Export::Folder() {
  if (folder_status_) return *folder_status_;
  std::error_code error;
  const auto status = std::filesystem::status(folder_, error);
  if (!std::filesystem::exists(status)) {
    folder_status_ =
        Error{ErrorCode::kNotFound,
              fmt::format("{} is not there{}", folder_.string(), error ? " (" + error.message() + ")" : ""),
              "Check the path that was given (as the argument, or in AUDIOCRAFT_EXPORT_DIR)"};
  } else if (!std::filesystem::is_directory(status)) {
    folder_status_ = Error{ErrorCode::kMismatch,
                           fmt::format("{} is not a folder: an export is a folder with state_dict.bin and "
                                       "compression_state_dict.bin",
                                       folder_.string()),
                           "Give the folder that holds both files; an archive must be unpacked first"};
  } else {
    std::filesystem::directory_iterator entries(folder_, error);
    if (error) {
      folder_status_ = Error{ErrorCode::kIo, fmt::format("{} can't be read: {}", folder_.string(), error.message())};
    } else if (entries == std::filesystem::directory_iterator()) {
      folder_status_ = Error{ErrorCode::kNotFound, fmt::format("{} is empty: an export holds state_dict.bin and "
                                                               "compression_state_dict.bin",
                                                               folder_.string())};
    } else {
      folder_status_ = Status{};
    }
  }
  return *folder_status_;
}

std::vector<architecture::FoundTensor> Export::ListFound(Role role) {
  std::vector<architecture::FoundTensor> found;
  if (const auto& package = file(role).package(); package.ok()) {
    for (const checkpoint::NamedTensor& named : package->best_state)
      found.push_back({named.name, file(role).checkpoint().tensors()[named.tensor].shape});
  }
  return found;
}

Result<architecture::LmSpec> Export::DescribeLmWithCache(const config::Config& config) {
  HARNESS_ASSIGN_OR_RETURN(architecture::LmSpec spec, architecture::DescribeLm(config));
  for (architecture::ConditionerSpec& conditioner : spec.conditioners) {
    if (auto* style = std::get_if<architecture::StyleOptions>(&conditioner.options); style != nullptr) {
      if (style->feature_codec.empty()) continue;
      // What is in the cache is what get_pretrained loads, whatever is known of that name.
      const auto codec = FollowReference(style->feature_codec, FindCodecPlaces(hub_));
      if (codec.ok()) style->feature_cardinality = codec->facts.cardinality;
    }
    if (auto* t5 = std::get_if<architecture::T5Options>(&conditioner.options); t5 != nullptr && t5->finetune) {
      const auto files = text::FindT5(t5->name, hub_, conditioner.input_dim, working_directory_);
      const std::string prefix = architecture::T5Prefix(conditioner.name);
      t5->inferred = !files.ok();
      t5->tensors = architecture::ListT5StateTensors(
          files.ok() ? files->spec
                     : architecture::InferT5Spec(ListFound(Role::kLanguageModel), prefix, conditioner.input_dim),
          prefix);
      for (architecture::TensorSpec& tensor : t5->tensors) tensor.group = "conditioners";  // of the export, not of a T5
    }
  }
  return spec;
}

// A T5 of which nothing is known here fits whatever there is: no reason to advise it.
static bool AsksForAnotherT5(const architecture::LmSpec& present, const architecture::LmSpec& edited) {
  const auto list = [](const architecture::LmSpec& spec, bool inferred) {
    std::set<std::string> names;
    for (const auto& conditioner : spec.conditioners) {
      const auto* t5 = std::get_if<architecture::T5Options>(&conditioner.options);
      if (t5 != nullptr && t5->finetune && (t5->inferred || !inferred)) names.insert(conditioner.name + " " + t5->name);
    }
    return names;
  };
  const std::set<std::string> before = list(present, false), unknown = list(edited, true);
  return !std::includes(before.begin(), before.end(), unknown.begin(), unknown.end());
}

const Result<architecture::LmSpec>& Export::lm_spec() {
  if (!lm_spec_) lm_spec_ = DescribeLmWithCache(*language_model_.config());
  return *lm_spec_;
}

const Result<architecture::CodecSpec>& Export::codec_spec() {
  if (!codec_spec_) codec_spec_ = architecture::DescribeCodec(*codec_.config());
  return *codec_spec_;
}

const Result<CodecDescription>& Export::codec() {
  if (codec_description_) return *codec_description_;
  const auto& reference = codec_.package()->pretrained;
  if (reference) {
    CodecPlaces places = FindCodecPlaces(hub_);
    places.exported = folder_;
    codec_description_ = FollowReference(*reference, places);
  } else {
    codec_description_ = DescribeOwnCodec(*codec_spec());
  }
  return *codec_description_;
}

const CheckedTensors& Export::tensors(Role role) {
  auto& slot = tensors_[static_cast<size_t>(role)];
  if (slot) return *slot;
  CheckedTensors checked;
  checked.specs = role == Role::kLanguageModel ? architecture::ListLmTensors(*lm_spec())
                                               : architecture::ListCodecTensors(*codec_spec());
  checked.found = ListFound(role);
  for (const checkpoint::NamedTensor& named : file(role).package()->best_state)
    checked.found_tensor.push_back(named.tensor);
  checked.agreement =
      architecture::Compare(checked.specs, checked.found,
                            role == Role::kLanguageModel ? architecture::ListUncheckedPrefixes(lm_spec()->conditioners)
                                                         : std::vector<std::string>{});
  slot = std::move(checked);
  return *slot;
}

std::optional<architecture::ConfigEdit> Export::SuggestedEdit(Role role) {
  const std::vector<architecture::FoundTensor>& found = tensors(role).found;
  const config::Config& config = *file(role).config();
  if (role == Role::kCodec) {
    return architecture::FindFirstAgreeing(
        config, architecture::ListCodecEdits(config, found), [&](const config::Config& edited) {
          const auto spec = architecture::DescribeCodec(edited);
          return spec.ok() && architecture::Compare(architecture::ListCodecTensors(*spec), found).complete();
        });
  }
  return architecture::FindFirstAgreeing(
      config, architecture::ListLmEdits(config, found), [&](const config::Config& edited) {
        const auto spec = DescribeLmWithCache(edited);
        return spec.ok() && !AsksForAnotherT5(*lm_spec(), *spec) &&
               architecture::Compare(architecture::ListLmTensors(*spec), found,
                                     architecture::ListUncheckedPrefixes(spec->conditioners))
                   .complete();
      });
}

const Result<weights::PayloadScan>& Export::payload(Role role,
                                                    const std::function<void(uint64_t, uint64_t)>& progress) {
  auto& slot = payload_[static_cast<size_t>(role)];
  if (!slot) slot = weights::ScanPayload(file(role).checkpoint(), progress);
  return *slot;
}

void Export::AdoptPayload(Role role, Result<weights::PayloadScan> scan) {
  payload_[static_cast<size_t>(role)] = std::move(scan);
}

}  // namespace harness::exports
