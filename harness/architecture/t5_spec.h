// A T5 encoder: what its config.json describes, and the tensors that it implies.
// Source: transformers 4.40.2, models/t5/configuration_t5.py and modeling_t5.py (T5EncoderModel), activations.py.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/architecture/agreement.h"
#include "harness/architecture/tensor_spec.h"
#include "harness/base/result.h"

namespace harness::architecture {

struct T5Spec {
  enum class Activation { kRelu, kGelu, kGeluTanh, kSilu };

  int64_t vocab_size = 32128;
  int64_t d_model = 512;  // D
  int64_t d_kv = 64;      // of each head; num_heads * d_kv need not be d_model
  int64_t d_ff = 2048;
  int64_t num_layers = 6;
  int64_t num_heads = 8;
  int64_t relative_attention_num_buckets = 32;  // half of them for positions before, half for those after
  int64_t relative_attention_max_distance = 128;
  double layer_norm_epsilon = 1e-6;
  Activation activation = Activation::kRelu;
  bool gated = false;  // two input projections, one of them through the activation
};

// The text of a config.json; `file` starts every message. A key that is missing has the reference's default.
// Errors: kCorrupt (no JSON, or a value of another kind), kMismatch (a value that the reference fails on), kUnsupported
// (an activation that this suite does not run, sizes beyond any T5).
Result<T5Spec> ReadT5Spec(std::string_view json, const std::string& file);

// What T5EncoderModel.from_pretrained takes from a checkpoint of any T5 model; a decoder's tensors are passed over. The
// embedding may be called encoder.embed_tokens.weight, which wins, or shared.weight; every name may start with
// "transformer.".
std::vector<TensorSpec> ListT5CheckpointTensors(const T5Spec& spec);

// What the state dict of a T5EncoderModel holds, each name with `prefix` in front, the embedding twice: for an export
// whose conditioner has `finetune` ("condition_provider.conditioners.NAME.t5."), where loading is strict.
std::vector<TensorSpec> ListT5StateTensors(const T5Spec& spec, const std::string& prefix);

// The T5 whose state `found` holds under `prefix`, as far as its tensors tell: `width` is that of the model that the
// conditioner names. What no tensor tells is t5-small's, and there is at least one block: strict loading asks for it.
T5Spec InferT5Spec(const std::vector<FoundTensor>& found, const std::string& prefix, int64_t width);

}  // namespace harness::architecture
