// The small layers that the language model is made of, as views of bound tensors.
//
// Letters: B batch, S steps, D width. Errors: none; a tensor that the table lacks is a programmer's error.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "harness/model/precision.h"
#include "harness/model/tensor_table.h"

namespace harness::model {

// nn.Linear. With kFloat32 the weight stays where it lies in the mapped file, in its type there (small_batch_linear.h);
// with kFloat16Autocast a float16 one does, and any other is cast.
struct Linear {
  at::Tensor weight;  // [out, in]; float16 with kFloat16Autocast
  at::Tensor bias;    // [out] float32, or undefined; on CUDA float16 with kFloat16Autocast
  Precision precision = Precision::kFloat32;
  // `bias`: the name of its tensor; it may not exist.
  static Linear Load(const TensorTable& tensors, const std::string& weight, const std::string& bias,
                     const Placement& placement);
  static Linear Load(const TensorTable& tensors, const std::string& name, const Placement& placement) {
    return Load(tensors, name + ".weight", name + ".bias", placement);
  }
  // Rows [begin, begin + count) alone: one part of a packed projection.
  Linear Rows(int64_t begin, int64_t count) const;
  at::Tensor operator()(const at::Tensor& x) const;  // [..., in] -> [..., out], float32 or float16
};

// Linear layers of one shape over the same input, as one product: a head for each codebook.
class Heads {
 public:
  // Those called `prefix`.0, .1, ...
  static Heads Load(const TensorTable& tensors, const std::string& prefix, int64_t count, const Placement& placement);
  at::Tensor operator()(const at::Tensor& x) const;  // [B, S, in] -> [B, count, S, out], float32 or float16

 private:
  // As Linear's. On the CPU one a head, where it lies in the file; elsewhere one, of all their rows. No biases: none.
  std::vector<at::Tensor> weights_, biases_;
  int64_t count_ = 0;
  Precision precision_ = Precision::kFloat32;
};

// nn.LayerNorm with its eps of 1e-5, in float32 in either precision. Undefined: does not exist.
struct Norm {
  at::Tensor weight, bias;  // [D] float32
  // `precision`: of its parameters. kFloat16Autocast: rounded to float16.
  static Norm Load(const TensorTable& tensors, const std::string& name, at::Device device,
                   Precision precision = Precision::kFloat32);
  bool defined() const { return weight.defined(); }
  at::Tensor operator()(const at::Tensor& x) const;  // -> float32
};

}  // namespace harness::model
