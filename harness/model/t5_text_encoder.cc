#include "harness/model/t5_text_encoder.h"

#include <ATen/ATen.h>

#include <utility>

namespace harness::model {

namespace fs = std::filesystem;

Result<std::shared_ptr<const TextEncoder>> T5TextEncoder::FromFolder(const fs::path& folder,
                                                                     const architecture::T5Spec& spec,
                                                                     at::Device device) {
  HARNESS_ASSIGN_OR_RETURN(text::T5Tokenizer tokenizer, text::T5Tokenizer::FromFolder(folder));
  HARNESS_ASSIGN_OR_RETURN(checkpoint::WeightsFile weights, checkpoint::WeightsFile::Find(folder));
  HARNESS_ASSIGN_OR_RETURN(const TensorTable table,
                           TensorTable::Bind(weights, architecture::ListT5CheckpointTensors(spec)));
  T5Encoder encoder = T5Encoder::Build(spec, table, "", device);
  return std::shared_ptr<const TextEncoder>(
      new T5TextEncoder(std::move(tokenizer), std::move(encoder), std::move(weights)));
}

Result<std::shared_ptr<const TextEncoder>> T5TextEncoder::FromExport(const fs::path& folder,
                                                                     const architecture::T5Spec& spec,
                                                                     const TensorTable& tensors,
                                                                     const std::string& prefix, at::Device device) {
  HARNESS_ASSIGN_OR_RETURN(text::T5Tokenizer tokenizer, text::T5Tokenizer::FromFolder(folder));
  T5Encoder encoder = T5Encoder::Build(spec, tensors, prefix, device);
  return std::shared_ptr<const TextEncoder>(new T5TextEncoder(std::move(tokenizer), std::move(encoder), std::nullopt));
}

Result<TextEncoder::Embedding> T5TextEncoder::Encode(const std::vector<std::string>& texts) const {
  HARNESS_ASSIGN_OR_RETURN(const text::T5Tokenizer::Batch batch, tokenizer_.EncodeBatch(texts));
  const std::vector<int64_t> shape = {static_cast<int64_t>(texts.size()), static_cast<int64_t>(batch.length)};
  const auto tensor = [&](const std::vector<int64_t>& values) {
    return at::tensor(values, at::TensorOptions().dtype(at::kLong)).view(shape);
  };
  Embedding embedding;
  embedding.mask = tensor(batch.attention);
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].empty()) embedding.mask[static_cast<int64_t>(i)].zero_();
  }
  HARNESS_ASSIGN_OR_RETURN(embedding.states, encoder_.Forward(tensor(batch.ids), embedding.mask));
  return embedding;
}

}  // namespace harness::model
