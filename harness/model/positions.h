// Where a step stands: sinusoids added to the input, and rotations of queries and keys.
//
// Letters: B batch, S steps, D width, H heads, E = D / H. All float32.
// Source: audiocraft 1.3.0, modules/transformer.py create_sin_embedding; modules/rope.py RotaryEmbedding, XPos
// (arXiv:2104.09864, arXiv:2212.10554).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "harness/architecture/lm_spec.h"
#include "harness/model/tensor_table.h"

namespace harness::model {

// [1, S, D] for the positions from `start` on; cosines first.
at::Tensor ComputeSinEmbedding(int64_t start, int64_t steps, int64_t dim, double max_period, at::Device device);

// One complex factor for each step and pair of channels.
struct Rotation {
  at::Tensor query_real, query_imaginary;  // [S, E / 2]
  at::Tensor key_real, key_imaginary;      // [S, E / 2]: another factor than the query's only with xpos
};

class RotaryEmbedding {
 public:
  // nullopt for a model without rotary positions.
  static std::optional<RotaryEmbedding> Load(const architecture::LmSpec& spec, const TensorTable& tensors,
                                             at::Device device);

  // For the positions from `start` on.
  Rotation At(int64_t start, int64_t steps) const;

 private:
  at::Tensor frequencies_;  // [E / 2]: from the file, as load_state_dict overwrites what max_period gives
  at::Tensor decay_rates_;  // [E / 2], or undefined: no xpos
  double scale_ = 1;
};

// x: [B, H, S, E]; channels 2 i and 2 i + 1 are one complex number. In float32; returns x's type.
at::Tensor Rotate(const at::Tensor& x, const at::Tensor& real, const at::Tensor& imaginary);

}  // namespace harness::model
