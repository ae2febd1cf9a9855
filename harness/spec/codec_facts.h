// What a language model must know of its codec: the properties of audiocraft's CompressionModel, without any weight.
// Source: audiocraft 1.3.0, models/encodec.py.
#pragma once

#include <cstdint>

namespace harness {

struct CodecFacts {
  int64_t sample_rate_hz = 0;
  double frame_rate_hz = 0;     // EncodecModel: an integer, rounded down; HF EnCodec and DAC: a quotient
  int64_t hop_length = 0;       // samples that one step of the language model stands for
  int64_t channels = 0;         // of the audio
  int64_t codebooks = 0;        // active ones: what the language model must generate
  int64_t total_codebooks = 0;  // that the weights hold
  int64_t cardinality = 0;      // entries of a codebook
};

}  // namespace harness
