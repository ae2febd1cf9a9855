// DAC, the codec that `dac_44khz` and `dac_24khz` name, as the constructor arguments in its weights file describe it.
//
// Input: metadata.kwargs of the file; what the constructor doesn't know is dropped, as its loader does.
// Errors: kMismatch, naming what can't be built or can't decode.
// Source: descript-audio-codec 1.0.0, dac/model/dac.py, dac/nn/quantize.py; audiocraft 1.3.0, models/encodec.py DAC.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/architecture/codec_facts.h"
#include "harness/architecture/tensor_spec.h"
#include "harness/base/result.h"
#include "harness/config/config.h"

namespace harness::architecture {

// A convolution under weight norm; `name` is the prefix of its tensors.
struct DacConv {
  std::string name;
  int64_t in = 0, out = 0, kernel = 1, stride = 1, dilation = 1, padding = 0;
  bool transposed = false;
};

struct DacLayer {
  enum class Kind { kConv, kSnake, kResidual };
  Kind kind = Kind::kConv;
  std::string name = {};  // kSnake: of its alpha
  int64_t channels = 0;   // kSnake
  DacConv conv = {};      // kConv
  // kResidual: added to its input; snake, dilated convolution, snake, pointwise convolution.
  std::vector<DacLayer> block = {};
};

struct DacSpec {
  int64_t sample_rate_hz = 0, num_codebooks = 0, cardinality = 0;
  int64_t latent = 0;                      // width that the decoder takes
  std::vector<int64_t> codebook_dims;      // width of each codebook's entries
  std::vector<DacLayer> encoder, decoder;  // the decoder ends in tanh

  std::string Codebook(size_t k) const;  // "quantizer.quantizers.0", the prefix of its tensors
};

struct Dac {
  DacSpec spec;
  CodecFacts facts;
};

Result<Dac> DescribeDac(const config::ConfigValue::Map& kwargs, const std::string& source);

// Groups: encoder, decoder, quantizer.
std::vector<TensorSpec> ListDacTensors(const DacSpec& spec);

}  // namespace harness::architecture
