#include "harness/model/condition_provider.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "harness/architecture/generation_inputs.h"

namespace harness {

OutputProjection OutputProjection::Bind(const ConditionerSpec& spec, const TensorTable& tensors,
                                        const Placement& placement) {
  const std::string name = "condition_provider.conditioners." + spec.name + ".output_proj.";
  const auto [device, arithmetic] = placement;
  if (arithmetic == Arithmetic::kFloat32) {
    return {tensors.Float(name + "weight", device), tensors.Float(name + "bias", device), arithmetic};
  }
  const at::Tensor weight = tensors.Half(name + "weight", device), bias = tensors.Half(name + "bias", device);
  // The emulation multiplies in float32, and rounds once.
  if (device.is_cpu()) return {weight.to(at::kFloat), bias.to(at::kFloat), arithmetic};
  return {weight, bias, arithmetic};
}

at::Tensor OutputProjection::operator()(const at::Tensor& input) const {
  if (arithmetic == Arithmetic::kFloat32) return at::linear(input, weight, bias);
  return at::linear(input.to(at::kHalf).to(weight.scalar_type()), weight, bias).to(at::kHalf);
}

Result<std::unique_ptr<Conditioner>> BuildConditioner(const ConditionerSpec& spec, const TensorTable& tensors,
                                                      std::shared_ptr<const TextEncoder> encoder,
                                                      const Placement& placement) {
  const at::Device device = placement.device;
  OutputProjection projection = OutputProjection::Bind(spec, tensors, placement);
  const std::string prefix = "condition_provider.conditioners." + spec.name + ".";
  if (spec.model == "t5") return BuildT5(spec, std::move(projection), std::move(encoder), device);
  if (spec.model == "lut")
    return BuildLut(spec, std::move(projection), tensors.Float(prefix + "embed.weight", device), device);
  if (spec.model == "chroma_stem") {
    return BuildChroma(spec, std::move(projection), tensors.Float(prefix + "chroma.spec.window", device), device);
  }
  if (spec.model == "style") return BuildStyle(spec, std::move(projection), device);
  return Error{ErrorCode::kUnsupported,
               fmt::format("conditioners.{}.model is {}, which is not built", spec.name, spec.model)};
}

Result<ConditionProvider> ConditionProvider::Build(const LmSpec& spec, const TensorTable& tensors,
                                                   TextEncoders text_encoders, const Placement& placement) {
  ConditionProvider provider(GenerateProblem(spec));
  for (const bool text : {true, false}) {
    for (const ConditionerSpec& conditioner : spec.conditioners) {
      if (conditioner.is_text() != text) continue;
      const auto encoder = text_encoders.find(conditioner.name);
      HARNESS_ASSIGN_OR_RETURN(std::unique_ptr<Conditioner> built,
                               BuildConditioner(conditioner, tensors,
                                                encoder != text_encoders.end() ? encoder->second : nullptr, placement));
      provider.entries_.push_back({conditioner.name, std::move(built)});
      provider.takes_melody_ |= conditioner.name == "self_wav";
    }
  }
  return provider;
}

bool ConditionProvider::has_text_encoder() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const Entry& e) { return e.conditioner->encodes_text(); });
}

bool ConditionProvider::has_melody_encoder() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const Entry& e) { return e.conditioner->encodes_melody(); });
}

Result<GuidedConditions> ConditionProvider::Encode(const std::vector<ConditioningInput>& samples, bool together) const {
  if (!problem_.empty()) return Error{ErrorCode::kMismatch, problem_};
  for (const ConditioningInput& sample : samples) {
    if (sample.melody.defined() && !takes_melody_) {
      return Error{ErrorCode::kMismatch,
                   "this model takes no melody: it has no conditioner self_wav (RuntimeError \"This "
                   "model doesn't support melody conditioning\")"};
    }
  }
  GuidedConditions conditions;
  const auto batch = static_cast<int64_t>(samples.size());
  const std::vector<ConditioningInput> none(samples.size());
  for (const auto& [name, conditioner] : entries_) {
    if (together) {
      std::vector<ConditioningInput> inputs = samples;
      inputs.insert(inputs.end(), none.begin(), none.end());
      HARNESS_ASSIGN_OR_RETURN(const at::Tensor both, conditioner->Embed(inputs));
      conditions.positive.push_back({name, both.narrow(0, 0, batch)});
      conditions.null.push_back({name, both.narrow(0, batch, batch)});
    } else {
      HARNESS_ASSIGN_OR_RETURN(const at::Tensor positive, conditioner->Embed(samples));
      HARNESS_ASSIGN_OR_RETURN(const at::Tensor null, conditioner->Embed(none));
      conditions.positive.push_back({name, positive});
      conditions.null.push_back({name, null});
    }
  }
  return conditions;
}

}  // namespace harness
