#include "harness/model/condition_provider.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace harness {

Result<ConditionProvider> ConditionProvider::Build(const LmSpec& spec, const TensorTable& tensors,
                                                   TextEncoders text_encoders, at::Device device) {
  ConditionProvider provider(spec, device);
  for (const ConditionerSpec& conditioner : spec.conditioners) {
    if (conditioner.model != "t5") {
      return Error{ErrorCode::kUnsupported, fmt::format("conditioners.{}.model is {}, which is not built",
                                                        conditioner.name, conditioner.model)};
    }
    const std::string name = "condition_provider.conditioners." + conditioner.name + ".output_proj";
    provider.projections_[conditioner.name] = {tensors.Float(name + ".weight", device),
                                               tensors.Float(name + ".bias", device)};
  }
  provider.text_encoders_ = std::move(text_encoders);
  return provider;
}

bool ConditionProvider::has_text_encoder() const { return !text_encoders_.empty(); }

Result<GuidedConditions> ConditionProvider::Encode(const std::vector<ConditioningInput>& samples, bool together) const {
  GuidedConditions conditions;
  const auto batch = static_cast<int64_t>(samples.size());
  for (const ConditionerSpec& conditioner : spec_.conditioners) {
    std::vector<std::string> texts;
    for (const ConditioningInput& sample : samples) texts.push_back(sample.description.value_or(""));
    std::vector<std::string> none(samples.size());
    const auto encode = [&](const std::vector<std::string>& entries) -> Result<at::Tensor> {
      bool silent = true;
      for (const std::string& entry : entries) silent &= entry.empty();
      if (silent) return at::zeros({static_cast<int64_t>(entries.size()), 1, spec_.dim}, device_);
      const auto encoder = text_encoders_.find(conditioner.name);
      if (encoder == text_encoders_.end()) {
        return Error{ErrorCode::kUnsupported, fmt::format("the text encoder {} of conditioners.{} was not found",
                                                          conditioner.t5_name, conditioner.name)};
      }
      ASSIGN_OR_RETURN(const TextEncoder::Embedding embedding, encoder->second->Encode(entries));
      const Projection& projection = projections_.at(conditioner.name);
      at::Tensor mask = embedding.mask.to(device_).clone();
      for (size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].empty()) mask[static_cast<int64_t>(i)].zero_();
      }
      return at::linear(embedding.states.to(device_), projection.weight, projection.bias) * mask.unsqueeze(-1);
    };
    if (together) {
      texts.insert(texts.end(), none.begin(), none.end());
      ASSIGN_OR_RETURN(const at::Tensor both, encode(texts));
      conditions.positive.push_back({conditioner.name, both.narrow(0, 0, batch)});
      conditions.null.push_back({conditioner.name, both.narrow(0, batch, batch)});
    } else {
      ASSIGN_OR_RETURN(const at::Tensor positive, encode(texts));
      ASSIGN_OR_RETURN(const at::Tensor null, encode(none));
      conditions.positive.push_back({conditioner.name, positive});
      conditions.null.push_back({conditioner.name, null});
    }
  }
  return conditions;
}

}  // namespace harness
