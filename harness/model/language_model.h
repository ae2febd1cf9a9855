// MusicGen's language model as functional ATen code over bound tensors.
//
// Letters: B batch, K codebooks, S new steps, P steps before them, D width, L length of the condition.
// The reference's loader makes the parameters float32 on the CPU. Here the large ones stay where they lie in the mapped
// file, in the type they have there, and are accumulated in float32: the same products, since every float16 and
// bfloat16 is a float32. Source: audiocraft 1.3.0, models/lm.py LMModel.forward, modules/transformer.py.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/architecture/lm_spec.h"
#include "harness/base/result.h"
#include "harness/model/attention.h"
#include "harness/model/conditions.h"
#include "harness/model/fuser.h"
#include "harness/model/layers.h"
#include "harness/model/positions.h"
#include "harness/model/precision.h"
#include "harness/model/tensor_table.h"

namespace harness::model {

// Keys and values of the steps so far; made by LanguageModel::Start, changed by Forward.
struct LmState {
  struct Layer {
    KeysAndValues self;   // the first `position` steps are filled
    KeysAndValues cross;  // of the condition: computed once
  };
  std::vector<Layer> layers;
  FusedConditions conditions;
  int64_t batch = 0;
  int64_t position = 0;         // P, a prepended condition included
  int64_t kept = 0;             // of these, the last ones that past_context lets the next step see
  int64_t rotary_position = 0;  // of the next step, as StreamingMultiheadAttention._apply_rope counts it
  int64_t rotary_offset = 0;
  int64_t capacity = 0;  // steps, a prepended condition included
  bool started = false;  // Forward has run
};

// Sees what each layer gives, under its name in the state dict: "emb" (the summed embeddings, before the fuser),
// "transformer.layers.3.self_attn", "...cross_attention", "...linear1", "...linear2", "transformer.layers.3",
// "out_norm", "linears.0". It must not change the tensor. An empty one costs nothing.
using LayerObserver = std::function<void(const std::string& layer, const at::Tensor& output)>;

class LanguageModel {
 public:
  // Errors: kUnsupported, naming the options of spec.not_run. The weights stay views of what `tensors` views.
  // With kFloat16Autocast on CUDA they are cast and moved, once.
  static Result<LanguageModel> Build(const architecture::LmSpec& spec, const TensorTable& tensors,
                                     const Placement& placement = {});

  const architecture::LmSpec& spec() const { return spec_; }
  at::Device device() const { return device_; }
  Precision precision() const { return precision_; }

  // Why the reference's LMModel.generate would raise with these conditions, if its first forward pass gets
  // `first_steps` steps, and those after it one each, `num_steps` in all. Errors: kMismatch, naming the key of the
  // config.
  Status CheckGeneration(const LmConditions& conditions, int64_t first_steps, int64_t num_steps) const;

  // An empty state for `batch` sequences of at most `max_steps` steps; `conditions` have as many rows. Those
  // of another precision are cast.
  LmState Start(const LmConditions& conditions, int64_t batch, int64_t max_steps) const;

  // codes: [B, K, S] int64, the special token included. More than one step at once only from an empty state.
  // Returns logits [B, K, S, cardinality], float32, or float16 with kFloat16Autocast. No step at all (S = 0), first and
  // after a prepended condition alone, gives the condition's logits, as the reference's `logits[:, :, -S:]` does.
  at::Tensor Forward(const at::Tensor& codes, LmState& state, const LayerObserver& observer = {}) const;

 private:
  struct Layer {
    std::string name;
    SelfAttention self_attention;
    CrossAttention cross_attention;
    Linear linear1, linear2;
    Norm norm1, norm2, norm_cross;
    at::Tensor scale1, scale2, scale_cross;  // [D], or undefined: layer_scale
  };

  LanguageModel(architecture::LmSpec spec, at::Device device, Precision precision)
      : spec_(std::move(spec)), device_(device), precision_(precision) {}
  Window WindowOf(const LmState& state, int64_t steps) const;
  at::Tensor RunLayer(const Layer& layer, const at::Tensor& x, LmState::Layer& state, const Window& window,
                      const Rotation* rotation, const LayerObserver& observer) const;
  at::Tensor FeedForward(const Layer& layer, const at::Tensor& x, const LayerObserver& observer) const;
  void Advance(LmState& state, int64_t steps) const;

  architecture::LmSpec spec_;
  at::Device device_;
  Precision precision_;
  std::vector<at::Tensor> embeddings_;  // K of [cardinality + 1, D]
  std::optional<RotaryEmbedding> rotary_;
  std::vector<Layer> layers_;
  Norm out_norm_;
  Heads heads_;  // K of [cardinality, D]
};

}  // namespace harness::model
