// Both models of an export, built from its configs and bound to its weights. On LibTorch.
//
// Lifetime: weights that needed no cast are views of the Export's mapped files, which must outlive the models.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/export/export.h"
#include "harness/generate/generator.h"
#include "harness/model/compression_model.h"
#include "harness/model/condition_provider.h"
#include "harness/model/language_model.h"
#include "harness/model/precision.h"

namespace harness::pipeline {

struct Models {
  model::LanguageModel language_model;
  model::ConditionProvider conditions;
  std::unique_ptr<model::CompressionModel> codec;
  std::optional<Error> without_text;  // why texts can't be encoded, where they can't
};

// Where the T5 can't be found, `without_text` says why. Precondition: every static stage of `source` is ok and the
// tensors agree with the configs. Errors: kUnsupported (options that are not built), kIo (out of memory, with
// LibTorch's words).
Result<Models> LoadModels(exports::Export& source, const model::Placement& placement);

// The language model alone: to run it once more, elsewhere. Precondition and errors as LoadModels.
Result<model::LanguageModel> LoadLanguageModel(exports::Export& source, const model::Placement& placement);

// Gives `input` the melody of an audio file, at the codec's rate and channels, as MusicGen.generate_with_chroma
// converts it. Errors: those of ReadWav and ConvertAudio; kMismatch (shorter than two samples: the reference takes one
// for none).
Status ReadMelody(const std::filesystem::path& path, const architecture::CodecFacts& codec,
                  model::ConditioningInput& input);

struct GeneratedMusic {
  at::Tensor codes;  // [B, K, T] int64, CPU
  at::Tensor audio;  // [B, C, N] float32, CPU
  double generate_s = 0;
  double decode_s = 0;
  // Of tensors on the device while it generated and decoded, the weights included; nothing where it is not recorded.
  std::optional<int64_t> peak_memory_bytes;
};

// Generates `num_frames` frames of each of `samples`, as one batch: codes [B, K, T] int64 on the CPU. No exception
// leaves it. Errors: as GenerateCodes; kCorrupt, where LibTorch refuses an operation, with its first line.
Result<at::Tensor> GenerateMusicCodes(const Models& models, const std::vector<model::ConditioningInput>& samples,
                                      int64_t num_frames, const generate::Sampling& sampling,
                                      const generate::GenerationCallbacks& callbacks = {});

// The same, and decodes them. Errors: as GenerateMusicCodes.
Result<GeneratedMusic> GenerateMusic(const Models& models, const std::vector<model::ConditioningInput>& samples,
                                     int64_t num_frames, const generate::Sampling& sampling,
                                     const generate::GenerationCallbacks& callbacks = {});

}  // namespace harness::pipeline
