#include "harness/model/condition_provider.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "harness/architecture/conditioner_kind.h"
#include "harness/architecture/generation_inputs.h"

namespace harness::model {

OutputProjection OutputProjection::Bind(const architecture::ConditionerSpec& spec, const TensorTable& tensors,
                                        const Placement& placement) {
  const std::string name = architecture::ConditionerPrefix(spec.name) + "output_proj.";
  const auto [device, precision] = placement;
  if (precision == Precision::kFloat32) {
    return {tensors.Float(name + "weight", device), tensors.Float(name + "bias", device), precision};
  }
  const at::Tensor weight = tensors.Half(name + "weight", device), bias = tensors.Half(name + "bias", device);
  // The emulation multiplies in float32, and rounds once.
  if (device.is_cpu()) return {weight.to(at::kFloat), bias.to(at::kFloat), precision};
  return {weight, bias, precision};
}

at::Tensor OutputProjection::operator()(const at::Tensor& input) const {
  if (precision == Precision::kFloat32) return at::linear(input, weight, bias);
  return at::linear(input.to(at::kHalf).to(weight.scalar_type()), weight, bias).to(at::kHalf);
}

BuiltConditioner BuildConditioner(const architecture::ConditionerSpec& spec, const TensorTable& tensors,
                                  std::shared_ptr<const TextEncoder> encoder, const Placement& placement) {
  const at::Device device = placement.device;
  ConditionerParts parts{.name = spec.name,
                         .projection = OutputProjection::Bind(spec, tensors, placement),
                         .device = device,
                         .tensor =
                             [&, device](const std::string& leaf) {
                               return tensors.Float(architecture::ConditionerPrefix(spec.name) + leaf, device);
                             },
                         .encoder = std::move(encoder)};
  return std::visit([&](const auto& options) { return BuildConditioner(options, std::move(parts)); }, spec.options);
}

Result<ConditionProvider> ConditionProvider::Build(const architecture::LmSpec& spec, const TensorTable& tensors,
                                                   TextEncoders text_encoders, const Placement& placement) {
  ConditionProvider provider(architecture::FindInputProblem(spec));
  for (const bool text : {true, false}) {
    for (const architecture::ConditionerSpec& conditioner : spec.conditioners) {
      if ((architecture::FindConditionerKind(conditioner).input == architecture::ConditionerInput::kText) != text)
        continue;
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
  if (problem_) return Error{ErrorCode::kMismatch, *problem_};
  for (const ConditioningInput& sample : samples) {
    if (sample.melody.defined() && !takes_melody_) {
      return Error{ErrorCode::kMismatch,
                   "this model does not take a melody: it has no conditioner self_wav (RuntimeError \"This model "
                   "doesn't support melody conditioning\")"};
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

}  // namespace harness::model
