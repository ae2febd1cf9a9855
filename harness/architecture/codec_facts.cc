#include "harness/architecture/codec_facts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace harness::architecture {

Result<CodecFacts> WithCodebooks(CodecFacts codec, int64_t codebooks) {
  const auto& possible = codec.possible_codebooks;
  if (!possible.empty() && std::find(possible.begin(), possible.end(), codebooks) == possible.end()) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("the codec's bandwidths allow {} codebooks, not {} (ValueError in set_num_codebooks)",
                             fmt::join(possible, " or "), codebooks)};
  }
  if (codebooks < 1 || codebooks > codec.total_codebooks) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("the codec has {} codebooks, and {} are asked for: set_num_codebooks asserts against it",
                             codec.total_codebooks, codebooks)};
  }
  codec.codebooks = codebooks;
  return codec;
}

Result<CodecFacts> Wrap(CodecFacts codec, const CodecWrap& wrap) {
  if (wrap.codebooks) {
    HARNESS_ASSIGN_OR_RETURN(codec, WithCodebooks(std::move(codec), *wrap.codebooks));
  }
  if (!wrap.interleave_stereo) return codec;
  if (codec.channels != 1) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("interleave_stereo_codebooks.use is true, but the codec has {} channels: the wrap asserts "
                             "that it is mono",
                             codec.channels)};
  }
  codec.channels = 2;
  if (wrap.per_timestep) {
    codec.steps_per_frame = 2;
    codec.frame_rate_hz *= 2;
    codec.hop_length /= 2;
  } else {
    codec.codebooks *= 2;
  }
  return codec;
}

}  // namespace harness::architecture
