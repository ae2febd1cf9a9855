// The T5 of a text conditioner: tokenizer and encoder.
// Source: audiocraft 1.3.0, modules/conditioners.py T5Conditioner.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/architecture/t5_spec.h"
#include "harness/base/result.h"
#include "harness/checkpoint/weights_file.h"
#include "harness/model/condition_provider.h"
#include "harness/model/t5_encoder.h"
#include "harness/model/tensor_table.h"
#include "harness/text/t5_tokenizer.h"

namespace harness::model {

class T5TextEncoder : public TextEncoder {
 public:
  // From a folder with config.json, spiece.model and weights, which stay mapped. Errors: as T5Tokenizer, WeightsFile
  // and TensorTable have them.
  static Result<std::shared_ptr<const TextEncoder>> FromFolder(const std::filesystem::path& folder,
                                                               const architecture::T5Spec& spec, at::Device device);

  // `finetune`: the encoder's weights are those of the export, ListT5StateTensors(spec, prefix) in `tensors`, whose
  // checkpoint must outlive the result; the tokenizer is the folder's.
  static Result<std::shared_ptr<const TextEncoder>> FromExport(const std::filesystem::path& folder,
                                                               const architecture::T5Spec& spec,
                                                               const TensorTable& tensors, const std::string& prefix,
                                                               at::Device device);

  // The mask is zero for a text that is empty, towards T5 too. Errors: as T5Tokenizer::Encode and T5Encoder::Forward.
  Result<Embedding> Encode(const std::vector<std::string>& texts) const override;

 private:
  T5TextEncoder(text::T5Tokenizer tokenizer, T5Encoder encoder, std::optional<checkpoint::WeightsFile> weights)
      : tokenizer_(std::move(tokenizer)), encoder_(std::move(encoder)), weights_(std::move(weights)) {}

  text::T5Tokenizer tokenizer_;
  T5Encoder encoder_;
  std::optional<checkpoint::WeightsFile> weights_;  // what the encoder's tensors are views of
};

}  // namespace harness::model
