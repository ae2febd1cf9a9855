// The EnCodec model that a codec config describes, as the list of SEANet layers to run and the tensors that they imply.
//
// Input: the `xp.cfg` of compression_state_dict.bin. Errors: kMismatch, naming every option that the builders refuse;
// kUnsupported, naming options that this suite does not read.
// Source: audiocraft 1.3.0: models/builders.py get_compression_model, modules/seanet.py, conv.py, lstm.py,
// quantization/vq.py, core_vq.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/architecture/codec_facts.h"
#include "harness/architecture/seanet_spec.h"
#include "harness/architecture/tensor_spec.h"
#include "harness/base/result.h"
#include "harness/config/config.h"

namespace harness::architecture {

struct CodecSpec {
  int64_t sample_rate_hz = 0;
  int64_t channels = 0;
  bool causal = false;
  bool renormalize = false;  // encode returns a scale then, which MusicGen asserts against: prompts and melodies fail
  SeanetSpec encoder, decoder;
  int64_t num_codebooks = 0;  // rvq.n_q
  int64_t cardinality = 0;    // rvq.bins
  int64_t dimension = 0;      // of the latent, seanet.dimension
  bool transformers = false;  // tensors are called as in that library (hub_encodec.h)

  std::string Codebook(int64_t k) const;  // "quantizer.vq.layers.0._codebook", the prefix of its tensors
  int64_t frame_rate_hz() const { return sample_rate_hz / encoder.hop_length(); }  // integer, as the builder divides
};

Result<CodecSpec> DescribeCodec(const config::Config& config);

// With every codebook active.
CodecFacts SummarizeCodec(const CodecSpec& spec);

// Groups: encoder, decoder, quantizer.
std::vector<TensorSpec> ListCodecTensors(const CodecSpec& spec);

}  // namespace harness::architecture
