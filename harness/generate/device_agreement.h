// One language model on two devices, or in two precisions: do they compute the same?
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "harness/base/result.h"
#include "harness/model/language_model.h"

namespace harness::generate {

// Differences are relative to the largest magnitude of the reference's output: rounding errors are, too.
struct DeviceAgreement {
  double difference = 0;  // of the logits; infinite where one of them is not finite
  double tolerance = 0;
  double largest_logit = 0;  // of the reference
  // The first layer whose outputs differ by more than its tolerance, named as in the state dict; empty: none does.
  std::string first_layer;
  double layer_difference = 0, layer_tolerance = 0;
  // The layer that came closest to its tolerance, and how much of it it took: beyond 1 it diverges.
  std::string closest_layer;
  double closest = 0;
  int64_t layers = 0;            // that were compared
  std::string reference, other;  // "float32 on cpu"

  bool agrees() const { return difference <= tolerance && first_layer.empty(); }
};

// Runs both on `codes` [K, T] int64. Errors: kMismatch (models of other shapes), as ComputeTeacherForcedLogits.
Result<DeviceAgreement> CompareModels(const model::LanguageModel& reference, const model::LanguageModel& other,
                                      const model::LmConditions& conditions, const at::Tensor& codes);

std::string Describe(const DeviceAgreement& agreement);
inline constexpr const char* kDisagreementRemedy =
    "Look at the magnitudes of that layer's weights and activations; where they are ordinary, suspect the device, its "
    "driver or this LibTorch";

}  // namespace harness::generate
