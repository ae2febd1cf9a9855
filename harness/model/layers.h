// The small layers that the language model is made of, as views of bound tensors.
//
// Letters: B batch, S steps, D width. Errors: none; a tensor that the table lacks is a programmer's error.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "harness/model/tensor_table.h"

namespace harness {

// nn.Linear. The weight stays where it lies in the mapped file, in its type there (few_rows.h).
struct Linear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out] float32, or undefined
  static Linear Load(const TensorTable& tensors, const std::string& name, at::Device device);
  // Rows [begin, begin + count) alone: one part of a packed projection.
  Linear Rows(int64_t begin, int64_t count) const;
  at::Tensor operator()(const at::Tensor& x) const;  // [..., in] -> [..., out] float32
};

// nn.LayerNorm with its eps of 1e-5. Undefined: does not exist.
struct Norm {
  at::Tensor weight, bias;  // [D] float32
  static Norm Load(const TensorTable& tensors, const std::string& name, at::Device device);
  bool defined() const { return weight.defined(); }
  at::Tensor operator()(const at::Tensor& x) const;
};

}  // namespace harness
