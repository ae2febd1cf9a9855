// The language model that an LM config describes, and the tensors that it implies.
//
// Input: the `xp.cfg` of state_dict.bin. Errors: kMismatch, naming every option that audiocraft's builders refuse or
// that would be silently wrong; nothing here needs weights.
// What the config accepts but generation can't yet run here is listed in LmSpec::not_run: shape checks still hold.
// Source: audiocraft 1.3.0: models/builders.py get_lm_model, models/lm.py LMModel, modules/transformer.py,
// modules/conditioners.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/architecture/conditioner_spec.h"
#include "harness/architecture/fuser_spec.h"
#include "harness/architecture/pattern_spec.h"
#include "harness/architecture/tensor_spec.h"
#include "harness/base/result.h"
#include "harness/config/config.h"

namespace harness::architecture {

struct LmSpec {
  int64_t num_codebooks = 0;  // K, transformer_lm.n_q
  int64_t cardinality = 0;    // transformer_lm.card; the special token is number `cardinality`
  int64_t dim = 0;            // D
  int64_t num_heads = 0;
  int64_t num_layers = 0;
  int64_t hidden_dim = 0;  // int(hidden_scale * dim)
  std::string activation;
  bool norm_first = false, bias_ff = true, bias_attn = true, bias_proj = true;
  bool causal = false, custom = false, memory_efficient = false, attention_as_float32 = false;
  bool cross_attention = false, qk_layer_norm = false, qk_layer_norm_cross = false, two_step_cfg = false, xpos = false;
  bool has_layer_scale = false;
  std::optional<int64_t> past_context;  // steps that are attended to beside the present one
  std::string positional_embedding;     // sin, rope, sin_rope
  double max_period = 10000, positional_scale = 1;
  int64_t kv_repeat = 1;
  double cfg_coef = 3;  // classifier_free_guidance.inference_coef; generate's own default overrides it

  PatternSpec pattern;
  FuserSpec fuser;
  std::vector<ConditionerSpec> conditioners;

  double segment_duration_s = 0;  // dataset.segment_duration
  bool interleave_stereo = false, stereo_per_timestep = false;
  std::optional<int64_t> compression_model_n_q;

  std::vector<std::string> not_run;  // options that are described, but not yet built for generation

  // Attention as one packed projection (memory_efficient or custom), else torch.nn.MultiheadAttention under `mha`.
  bool packed_attention() const { return custom || memory_efficient; }
  bool sinusoidal() const { return positional_embedding != "rope"; }
  bool rotary() const { return positional_embedding != "sin"; }
};

// Tensors that a config may imply; the largest MusicGen has 1000. What may imply more is kUnsupported.
inline constexpr int64_t kMaxTensors = 100'000;

Result<LmSpec> DescribeLm(const config::Config& config);

// Groups: embeddings, transformer, heads, conditioners; in the order of the state dict.
std::vector<TensorSpec> ListLmTensors(const LmSpec& spec);

}  // namespace harness::architecture
