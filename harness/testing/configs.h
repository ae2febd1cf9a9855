// Configs, and those that tests change one option at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "harness/base/result.h"
#include "harness/config/config.h"

namespace harness::testing_support {

// A language model: two codebooks, one layer.
inline constexpr const char* kLm = R"(
lm_model: transformer_lm
transformer_lm: {n_q: 2, card: 300, dim: 16, num_heads: 4, num_layers: 1, hidden_scale: 2, causal: true,
  norm_first: true, bias_ff: false, bias_attn: false, bias_proj: false, memory_efficient: true, activation: gelu}
codebooks_pattern: {modeling: delay, delay: {delays: [0, 1]}}
attribute_dropout: {}
classifier_free_guidance: {training_dropout: 0.3, inference_coef: 3.0}
fuser: {sum: [], cross: [description], prepend: [], input_interpolate: []}
conditioners: {description: {model: t5, t5: {name: t5-base, finetune: false}}}
dataset: {segment_duration: 30}
)";

inline constexpr const char* kCodec = R"(
compression_model: encodec
encodec: {autoencoder: seanet, quantizer: rvq, sample_rate: 32000, channels: 1}
seanet: {n_filters: 4, dimension: 8, ratios: [5, 2], n_residual_layers: 1, norm: weight_norm, lstm: 1, encoder: {}, decoder: {}}
rvq: {n_q: 2, bins: 32}
)";

inline config::Environment NoEnvironment() {
  return [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
}

inline Result<config::Config> ParseText(std::string_view yaml) {
  return config::Config::Parse(yaml, "file.bin: xp.cfg", NoEnvironment());
}

// Throws where the text is not a config.
inline config::Config Parse(std::string_view yaml) { return ParseText(yaml).value(); }

inline config::ConfigValue Text(const char* text) { return {std::string(text)}; }

}  // namespace harness::testing_support
