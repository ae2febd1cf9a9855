// What a language model must know of its codec: the properties of audiocraft's CompressionModel, without any weight.
// Source: audiocraft 1.3.0, models/encodec.py, models/builders.py get_wrapped_compression_model.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/base/result.h"

namespace harness::architecture {

struct CodecFacts {
  int64_t sample_rate_hz = 0;
  double frame_rate_hz = 0;     // EncodecModel: an integer, rounded down; HF EnCodec and DAC: a quotient
  int64_t hop_length = 0;       // samples that one step of the language model stands for
  int64_t channels = 0;         // of the audio
  int64_t codebooks = 0;        // active ones: what the language model must generate
  int64_t total_codebooks = 0;  // that the weights hold; a stereo wrap does not double them
  int64_t cardinality = 0;      // entries of a codebook

  // The counts that set_num_codebooks takes; empty: every one from 1 to total_codebooks.
  std::vector<int64_t> possible_codebooks = {};
  // encode() gives a scale beside the codes, which MusicGen asserts against: it can't continue a prompt.
  bool encode_gives_scale = false;
  // Steps of the language model that one frame of the codec takes: 2 where stereo is interleaved in time.
  int64_t steps_per_frame = 1;
  // Samples that decoding leaves out, however long the codes are: DAC's odd strides.
  int64_t missing_samples = 0;

  // Length of the audio that `steps` decode to. Precondition: steps_per_frame divides `steps`.
  int64_t Samples(int64_t steps) const { return steps * hop_length - missing_samples; }
};

// What the language model's config asks of a codec.
struct CodecWrap {
  bool interleave_stereo = false;    // interleave_stereo_codebooks.use
  bool per_timestep = false;         // interleave_stereo_codebooks.per_timestep
  std::optional<int64_t> codebooks;  // compression_model_n_q: counted before the stereo wrap doubles them
};

// As set_num_codebooks. Errors: kMismatch, in its terms.
Result<CodecFacts> WithCodebooks(CodecFacts codec, int64_t codebooks);

// As get_wrapped_compression_model. Errors: kMismatch (no mono codec, a count that is not possible).
Result<CodecFacts> Wrap(CodecFacts codec, const CodecWrap& wrap);

}  // namespace harness::architecture
