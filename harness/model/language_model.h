// MusicGen's language model as functional ATen code over bound tensors.
//
// Letters: B batch, K codebooks, S new steps, P steps before them, D width, H heads, L length of the condition.
// Production's loader makes the parameters float32 on the CPU. Here the large ones stay where they lie in the mapped
// file, in the type they have there, and are accumulated in float32: the same products, since every float16 and
// bfloat16 is a float32. Source: audiocraft 1.3.0, models/lm.py LMModel.forward, modules/transformer.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "harness/base/result.h"
#include "harness/model/conditions.h"
#include "harness/model/tensor_table.h"
#include "harness/spec/lm_spec.h"

namespace harness {

// Keys and values of the steps so far; made by LanguageModel::Start, changed by Forward.
struct LmState {
  struct Layer {
    at::Tensor keys, values;              // [B, H, capacity, D / H]; the first `position` steps are filled
    at::Tensor cross_keys, cross_values;  // [B, H, L, D / H]: computed once
  };
  std::vector<Layer> layers;
  int64_t batch = 0;
  int64_t position = 0;  // P
  int64_t capacity = 0;  // steps
};

class LanguageModel {
 public:
  // Errors: kUnsupported, naming the options of spec.not_run. The weights stay views of what `tensors` views.
  static Result<LanguageModel> Build(const LmSpec& spec, const TensorTable& tensors, at::Device device);

  const LmSpec& spec() const { return spec_; }
  at::Device device() const { return device_; }

  // An empty state for `batch` sequences of at most `max_steps` steps; `conditions` have as many rows.
  LmState Start(const LmConditions& conditions, int64_t batch, int64_t max_steps) const;

  // codes: [B, K, S] int64, the special token included. More than one step at once only from an empty state.
  // Returns logits [B, K, S, cardinality] float32.
  at::Tensor Forward(const at::Tensor& codes, LmState& state) const;

 private:
  struct Linear {
    at::Tensor weight;  // [out, in]
    at::Tensor bias;    // [out], or undefined
    at::Tensor operator()(const at::Tensor& x) const;
  };
  struct Norm {
    at::Tensor weight, bias;  // [D]
    at::Tensor operator()(const at::Tensor& x) const;
  };
  struct Attention {
    Linear in_proj;  // [3 D, D]: queries, keys, values
    Linear out_proj;
  };
  struct Layer {
    Attention self_attention, cross_attention;
    Linear linear1, linear2;
    Norm norm1, norm2, norm_cross;
  };

  LanguageModel(LmSpec spec, at::Device device) : spec_(std::move(spec)), device_(device) {}
  at::Tensor SelfAttention(const Attention& attention, const at::Tensor& x, LmState::Layer& state, int64_t past) const;
  at::Tensor CrossAttention(const Attention& attention, const at::Tensor& x, const LmState::Layer& state) const;
  at::Tensor SplitHeads(const at::Tensor& x) const;  // [B, S, D] -> [B, H, S, D / H]

  LmSpec spec_;
  at::Device device_;
  std::vector<at::Tensor> embeddings_;  // K of [cardinality + 1, D]
  std::vector<Layer> layers_;
  Norm out_norm_;
  std::vector<Linear> heads_;  // K of [cardinality, D]
};

}  // namespace harness
