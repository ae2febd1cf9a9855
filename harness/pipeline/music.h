// What MusicGen's generate functions do: music of any length, from texts, melodies, and audio that is continued.
// Source: audiocraft 1.3.0, models/genmodel.py generate_continuation, models/musicgen.py _generate_tokens.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "harness/base/result.h"
#include "harness/generate/generator.h"
#include "harness/pipeline/models.h"

namespace harness::pipeline {

// Note [Beyond max_duration]
// A model generates at most `max_duration_s` at once. Longer music is made of windows of that length, each
// `extend_stride_s` after the one before and prompted with what they share. A melody is then repeated as often as it
// takes, and each window gets the part of it that the window covers; where one window is enough, the melody is given
// as it is. Time grows with the length, memory (but for the codes and the sound) does not.
struct MusicLength {
  double duration_s = 0;
  double max_duration_s = 0;    // of MusicGen: dataset.segment_duration
  double extend_stride_s = 18;  // MusicGen.set_generation_params
  // Generates no more than these first ones of its frames: the same codes, where the pattern goes frame by frame.
  int64_t most_frames = std::numeric_limits<int64_t>::max();

  // So many frames at once.
  static MusicLength Frames(int64_t frames);
  bool has_windows() const { return !(duration_s <= max_duration_s); }
};

struct MusicRequest {
  std::vector<model::ConditioningInput> samples;  // B, generated as one batch
  MusicLength length;
  at::Tensor prompt = {};  // [B, K, P] int64 on the CPU: EncodePrompt; undefined: none
};

struct GeneratedMusic {
  at::Tensor codes;  // [B, K, T] int64, CPU
  at::Tensor audio;  // [B, C, N] float32, CPU
  double generate_s = 0;
  double decode_s = 0;
  // Of tensors on the device while it generated and decoded, the weights included; nothing where it is not recorded.
  std::optional<int64_t> peak_memory_bytes;
};

// The codes of audio that is to be continued: [B, K, P] int64 on the CPU. audio: [B, C, N] float32 at the codec's rate
// and channels. No exception leaves it. Errors: kMismatch (a codec whose encode() gives a scale, against which MusicGen
// asserts), kCorrupt, where LibTorch refuses an operation, with its first line.
Result<at::Tensor> EncodePrompt(const Models& models, const at::Tensor& audio);

// Codes [B, K, T] int64 on the CPU, those of the prompt first. No exception leaves it. Errors: as ContinueCodes;
// kMismatch, what MusicGen asserts: a prompt longer than a window, a stride that is not shorter than one; kCorrupt,
// where LibTorch refuses an operation, with its first line.
Result<at::Tensor> GenerateMusicCodes(const Models& models, const MusicRequest& request,
                                      const generate::Sampling& sampling,
                                      const generate::GenerationCallbacks& callbacks = {});

// The same, and decodes them. Errors: as GenerateMusicCodes.
Result<GeneratedMusic> GenerateMusic(const Models& models, const MusicRequest& request,
                                     const generate::Sampling& sampling,
                                     const generate::GenerationCallbacks& callbacks = {});

}  // namespace harness::pipeline
