// The two attentions of a transformer layer, streaming: self-attention over the steps so far, and cross-attention to a
// condition that does not change.
//
// Letters: B batch, S new steps, D width, H heads, G heads of keys and values (H / kv_repeat), E = D / H, L length of
// the condition. All float32 with kFloat32; with kFloat16Autocast see the note in precision.h.
// Source: audiocraft 1.3.0, modules/transformer.py StreamingMultiheadAttention.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "harness/architecture/lm_spec.h"
#include "harness/model/layers.h"
#include "harness/model/positions.h"

namespace harness::model {

// Keys and values of the steps so far (self-attention, with room for more), or of the condition (cross-attention).
struct KeysAndValues {
  at::Tensor keys, values;  // [B, G, capacity, E]; [B, H, L, E]
};

// Which of the stored steps the new ones attend to.
struct Window {
  int64_t past = 0;  // steps before the new ones
  int64_t kept = 0;  // of these, the last ones that are attended to
  at::Tensor mask;   // [S, S] float32, 0 or -inf: for several steps at once whose past_context is short; else undefined
};

class SelfAttention {
 public:
  SelfAttention() = default;
  static SelfAttention Load(const architecture::LmSpec& spec, const TensorTable& tensors, const std::string& name,
                            const Placement& placement);

  KeysAndValues NewCache(int64_t batch, int64_t capacity, at::Device device) const;
  // x: [B, S, D]; `rotation`: null for a model without rotary positions. Writes the new steps into `cache`.
  at::Tensor operator()(const at::Tensor& x, KeysAndValues& cache, const Window& window,
                        const Rotation* rotation) const;

 private:
  bool explicit_ = false, as_float32_ = false;  // in float16: see Attention in attention.cc
  Linear in_proj_, out_proj_;                   // [D + 2 G E, D]: queries, keys, values; [D, D]
  Norm q_norm_, k_norm_;                        // over all heads together, before they are split
  int64_t num_heads_ = 0, num_kv_heads_ = 0;
};

class CrossAttention {
 public:
  CrossAttention() = default;
  static CrossAttention Load(const architecture::LmSpec& spec, const TensorTable& tensors, const std::string& name,
                             const Placement& placement);

  KeysAndValues Attend(const at::Tensor& condition) const;  // [B, L, D]
  at::Tensor operator()(const at::Tensor& x, const KeysAndValues& condition) const;

 private:
  bool explicit_ = false, as_float32_ = false;
  Linear queries_, keys_and_values_, out_proj_;  // [D, D]; [2 D, D]; [D, D]
  Norm q_norm_, k_norm_;
  int64_t num_heads_ = 0;
};

}  // namespace harness::model
