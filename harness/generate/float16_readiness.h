// Whether a language model stays within float16's range where the reference runs it in float16: found without a GPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "harness/base/result.h"
#include "harness/model/language_model.h"

namespace harness::generate {

constexpr double kFloat16Largest = 65504;

struct Float16Readiness {
  // The first layer that gives infinities or NaN in float16, named as in the state dict; empty: none does.
  std::string first_layer;
  int64_t infinite = 0, nan = 0, values = 0;  // of its output
  double float32_largest = 0;                 // magnitude of the same output in float32; 0 where that isn't run
  // The largest finite magnitude of a float16 output in the float16 run, and who gave it.
  std::string largest_layer;
  double largest = 0;
  int64_t steps = 0;  // that were run

  bool ready() const { return first_layer.empty(); }
};

// Runs `float16` (kFloat16Autocast, on the CPU or CUDA) on `codes` [K, T] int64, and `float32`, the same model in
// kFloat32, to say how large the values really are, where something overflows. A few frames do.
// Errors: as ComputeTeacherForcedLogits.
Result<Float16Readiness> CheckFloat16Readiness(const model::LanguageModel& float16, const model::LanguageModel& float32,
                                               const model::LmConditions& conditions, const at::Tensor& codes);

// For people: what was looked at, and what was found; what to do about it stands apart.
std::string Describe(const Float16Readiness& readiness);
inline constexpr const char* kFloat16Remedy =
    "Look at the weights of this layer and the one before; train with float16 autocast (autocast_dtype) or a smaller "
    "learning rate, so that activations stay in range";

}  // namespace harness::generate
