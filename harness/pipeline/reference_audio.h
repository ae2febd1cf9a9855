// The real audio that models are asked about: the user's own file, or the clip of the suite.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>

#include "harness/architecture/codec_facts.h"
#include "harness/base/result.h"

namespace harness::pipeline {

// float32 [1, C, N] on the CPU, at the codec's rate and channels, as audiocraft's convert_audio makes it. At most
// `seconds` of it; a file that is shorter gives what it has. No file: the clip (audio/reference_clip.h).
// Errors: those of ReadWav and ConvertAudio; kMismatch (shorter than two frames of the codec, silent); kCorrupt (a
// sample that is not finite); without a file those of MakeReferenceClip.
Result<at::Tensor> ReadReferenceAudio(const std::optional<std::filesystem::path>& file,
                                      const architecture::CodecFacts& codec, double seconds);

}  // namespace harness::pipeline
