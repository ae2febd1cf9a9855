// One export under test: the two files, what their configs describe, and how the weights agree with that.
//
// Everything is computed on first use and kept. Each accessor states what must be ok before it is asked.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "harness/architecture/agreement.h"
#include "harness/architecture/codec_spec.h"
#include "harness/architecture/config_edit.h"
#include "harness/architecture/lm_spec.h"
#include "harness/export/codec_description.h"
#include "harness/export/export_file.h"
#include "harness/hub/hub_cache.h"

namespace harness::exports {

// A file's tensors against its config.
struct CheckedTensors {
  std::vector<architecture::TensorSpec> specs;
  std::vector<architecture::FoundTensor> found;  // best_state, in file order
  std::vector<size_t> found_tensor;              // found[i] is checkpoint.tensors()[found_tensor[i]]
  architecture::Agreement agreement;

  // Index into checkpoint.tensors() of each spec. Precondition: agreement has no disagreement in any group.
  std::vector<size_t> Binding() const;
};

class Export {
 public:
  // `hub` and `working_directory`: where a T5 and referenced codecs are looked up.
  Export(std::filesystem::path folder, hub::HubCache hub, std::filesystem::path working_directory);

  const std::filesystem::path& folder() const { return folder_; }
  const hub::HubCache& hub() const { return hub_; }
  const std::filesystem::path& working_directory() const { return working_directory_; }
  // There, a folder, readable, and not empty.
  const Status& Folder();

  ExportFile& file(Role role) { return role == Role::kLanguageModel ? language_model_ : codec_; }

  // Precondition: file(role).config() is ok. The tensors of a fine-tuned T5 follow where its config.json is found.
  const Result<architecture::LmSpec>& lm_spec();
  const Result<architecture::CodecSpec>& codec_spec();
  // The codec, a reference followed.
  // Precondition: the codec's package() is ok, and without a reference codec_spec().
  const Result<CodecDescription>& codec();
  // Precondition: the role's spec is ok.
  const CheckedTensors& tensors(Role role);
  // The one edit of the role's config with which nothing would disagree. Precondition: as tensors().
  std::optional<architecture::ConfigEdit> SuggestedEdit(Role role);

  // Scans every payload of the role's file, or returns what was adopted. Precondition: storage_status() is ok.
  const Result<weights::PayloadScan>& payload(Role role, const std::function<void(uint64_t, uint64_t)>& progress = {});
  bool has_payload(Role role) const { return payload_[static_cast<size_t>(role)].has_value(); }
  void AdoptPayload(Role role, Result<weights::PayloadScan> scan);

 private:
  // What a config says, with what the cache adds to it.
  Result<architecture::LmSpec> DescribeLmWithCache(const config::Config& config);
  // The tensors of best_state; none where the package is not ok.
  std::vector<architecture::FoundTensor> ListFound(Role role);

  std::filesystem::path folder_;
  hub::HubCache hub_;
  std::filesystem::path working_directory_;
  std::optional<Status> folder_status_;
  ExportFile language_model_, codec_;
  std::optional<Result<architecture::LmSpec>> lm_spec_;
  std::optional<Result<architecture::CodecSpec>> codec_spec_;
  std::optional<Result<CodecDescription>> codec_description_;
  std::optional<CheckedTensors> tensors_[2];
  std::optional<Result<weights::PayloadScan>> payload_[2];
};

}  // namespace harness::exports
