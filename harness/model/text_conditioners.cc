// T5Conditioner and LUTConditioner.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include "harness/model/conditioner.h"
#include "harness/model/hash_trick.h"

namespace harness::model {
namespace {

bool AnyText(const std::vector<ConditioningInput>& inputs) {
  for (const ConditioningInput& input : inputs) {
    if (input.description) return true;
  }
  return false;
}

class T5Conditioner : public Conditioner {
 public:
  T5Conditioner(const architecture::T5Options& options, ConditionerParts parts)
      : name_(std::move(parts.name)),
        t5_(options),
        projection_(std::move(parts.projection)),
        encoder_(std::move(parts.encoder)),
        device_(parts.device) {}

  bool encodes_text() const override { return encoder_ != nullptr && !t5_.normalize_text; }

  Result<at::Tensor> Embed(const std::vector<ConditioningInput>& inputs) const override {
    std::vector<std::string> texts;
    bool silent = true;
    for (const ConditioningInput& input : inputs) {
      texts.push_back(input.description.value_or(""));
      silent &= texts.back().empty();
    }
    // The empty text is one token, which is masked after the projection: whatever T5 makes of it.
    if (silent)
      return at::zeros({static_cast<int64_t>(inputs.size()), 1, projection_.dim()},
                       at::TensorOptions().dtype(projection_.type()).device(device_));
    if (t5_.normalize_text) {
      return Error{
          ErrorCode::kUnsupported,
          fmt::format("conditioners.{}.t5.normalize_text sends texts through spaCy's English model, which this "
                      "suite does not have",
                      name_)};
    }
    if (encoder_ == nullptr) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("the text encoder {} of conditioners.{} was not found", t5_.name, name_)};
    }
    HARNESS_ASSIGN_OR_RETURN(const TextEncoder::Embedding embedding, encoder_->Encode(texts));
    at::Tensor mask = embedding.mask.to(device_).clone();
    for (size_t i = 0; i < texts.size(); ++i) {
      if (texts[i].empty()) mask[static_cast<int64_t>(i)].zero_();
    }
    return projection_(embedding.states.to(device_)) * mask.unsqueeze(-1);
  }

 private:
  std::string name_;
  architecture::T5Options t5_;
  OutputProjection projection_;
  std::shared_ptr<const TextEncoder> encoder_;
  at::Device device_;
};

class LutConditioner : public Conditioner {
 public:
  LutConditioner(const architecture::LutOptions& options, ConditionerParts parts)
      : name_(std::move(parts.name)),
        lut_(options),
        projection_(std::move(parts.projection)),
        table_(parts.tensor("embed.weight")),
        device_(parts.device) {}

  bool encodes_text() const override { return !lut_.whitespace; }

  Result<at::Tensor> Embed(const std::vector<ConditioningInput>& inputs) const override {
    if (lut_.whitespace && AnyText(inputs)) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("conditioners.{}.lut.tokenizer is whitespace, which splits texts with spaCy's English "
                               "model: this suite does not have it, and generates without a text only",
                               name_)};
    }
    std::vector<int64_t> entries;
    std::vector<float> mask;
    for (const ConditioningInput& input : inputs) {
      entries.push_back(input.description ? HashTrick(*input.description, lut_.bins) : lut_.pad_idx);
      mask.push_back(input.description ? 1 : 0);
    }
    const auto batch = static_cast<int64_t>(inputs.size());
    const at::Tensor rows = table_.index_select(0, at::tensor(entries).to(device_));
    return projection_(rows).unsqueeze(1) * at::tensor(mask).to(device_, projection_.type()).reshape({batch, 1, 1});
  }

 private:
  std::string name_;
  architecture::LutOptions lut_;
  OutputProjection projection_;
  at::Tensor table_;  // [bins, width]
  at::Device device_;
};

}  // namespace

BuiltConditioner BuildConditioner(const architecture::T5Options& options, ConditionerParts parts) {
  return std::unique_ptr<Conditioner>(std::make_unique<T5Conditioner>(options, std::move(parts)));
}

BuiltConditioner BuildConditioner(const architecture::LutOptions& options, ConditionerParts parts) {
  return std::unique_ptr<Conditioner>(std::make_unique<LutConditioner>(options, std::move(parts)));
}

}  // namespace harness::model
