// The encoder of a T5: tokens to states. float32 on every device, as the reference has it whatever the language model
// is.
//
// Pre-norm blocks of self-attention and a feed-forward, without biases: RMS norms, scores that are not scaled, and one
// table of relative position biases, which the first block owns and all use.
// Source: transformers 4.40.2, models/t5/modeling_t5.py (T5EncoderModel, T5Stack, T5Attention).
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "harness/architecture/t5_spec.h"
#include "harness/base/result.h"
#include "harness/model/tensor_table.h"

namespace harness::model {

class T5Encoder {
 public:
  // `tensors` holds ListT5CheckpointTensors(spec), or ListT5StateTensors(spec, prefix) with that `prefix`; what is float32
  // there already stays a view of the file on the CPU.
  static T5Encoder Build(const architecture::T5Spec& spec, const TensorTable& tensors, const std::string& prefix,
                         at::Device device);

  // ids [B, L] int64, mask [B, L] int64, 1 where attention goes; a row of zeros attends everywhere alike. Both on any
  // device. Returns [B, L, D] float32 on the encoder's.
  // Errors: kMismatch (an id beyond the vocabulary), kUnsupported (longer than kMaxTokens).
  Result<at::Tensor> Forward(const at::Tensor& ids, const at::Tensor& mask) const;

  // Attention is quadratic: 2048 tokens of t5-base in a batch of 8 take 1.6 GB.
  static constexpr int64_t kMaxTokens = 2048;

 private:
  struct Block {
    at::Tensor attention_norm;  // [D]
    at::Tensor q, k, v;         // [H * d_kv, D]
    at::Tensor o;               // [D, H * d_kv]
    at::Tensor dense_norm;      // [D]
    at::Tensor wi, gate;        // [d_ff, D]; gate: what goes through the activation, undefined where nothing is gated
    at::Tensor wo;              // [D, d_ff]
  };
  T5Encoder(const architecture::T5Spec& spec, at::Device device) : spec_(spec), device_(device) {}
  at::Tensor Norm(const at::Tensor& states, const at::Tensor& weight) const;
  at::Tensor Activate(const at::Tensor& states) const;
  at::Tensor PositionBias(int64_t length) const;

  architecture::T5Spec spec_;
  at::Device device_;
  at::Tensor embedding_;      // [V, D]
  at::Tensor position_bias_;  // [buckets, H]
  at::Tensor final_norm_;     // [D]
  std::vector<Block> blocks_;
};

}  // namespace harness::model
