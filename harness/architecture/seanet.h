// SEANet's encoder and decoder as lists of layers, numbered as nn.Sequential numbers them.
// Source: audiocraft 1.3.0, modules/seanet.py.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/architecture/seanet_spec.h"
#include "harness/architecture/tensor_spec.h"
#include "harness/config/config.h"
#include "harness/config/option_reader.h"

namespace harness::architecture {

enum class SeanetSide { kEncoder, kDecoder };

// How the tensors are called: "encoder.model.0.conv.conv.weight", or, in the Transformers library,
// "encoder.layers.0.conv.weight".
enum class SeanetNaming { kAudiocraft, kTransformers };

// The arguments of both classes, checked.
struct SeanetArguments {
  int64_t channels = 1, dimension = 128, n_filters = 32, n_residual_layers = 3;
  int64_t kernel_size = 7, last_kernel_size = 7, residual_kernel_size = 3, dilation_base = 2, compress = 2, lstm = 0;
  int64_t disable_norm_outer_blocks = 0;
  std::vector<int64_t> ratios;
  ActivationSpec activation;
  std::optional<ActivationSpec> final_activation;  // of the decoder
  bool true_skip = true, causal = false;
  std::string pad_mode = "reflect";
  ConvNorm norm = ConvNorm::kNone;
  double norm_eps = 1e-5;
  bool norm_affine = true;
  double trim_right_ratio = 1.0;  // of the decoder
};

// `arguments`: the keyword arguments of SEANetEncoder or SEANetDecoder. What is wrong goes to `problems`; then the
// result must not be used.
SeanetSpec DescribeSeanet(const config::ConfigValue::Map& arguments, SeanetSide side, config::OptionProblems& problems);

// The strides, as `key` has them: by default EnCodec's own. What is wrong is noted, and {1} returned.
std::vector<int64_t> ReadRatios(config::OptionReader& options, std::string_view key);

SeanetSpec BuildSeanet(const SeanetArguments& arguments, SeanetSide side, SeanetNaming naming);

void AppendSeanetTensors(const SeanetSpec& spec, const std::string& group, std::vector<TensorSpec>& list);

}  // namespace harness::architecture
