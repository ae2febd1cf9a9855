// Both models of an export, built from its configs and bound to its weights. On LibTorch.
//
// Lifetime: weights that needed no cast are views of the Export's mapped files, which must outlive the models.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "harness/base/result.h"
#include "harness/export/export.h"
#include "harness/model/compression_model.h"
#include "harness/model/condition_provider.h"
#include "harness/model/language_model.h"
#include "harness/model/precision.h"
#include "harness/model/tensor_table.h"

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

// The tensors that the language model is built of, as views of the file. Precondition and errors as LoadModels.
Result<model::TensorTable> BindLanguageModel(exports::Export& source);

// The language model alone: to run it once more, elsewhere. Precondition and errors as LoadModels.
Result<model::LanguageModel> LoadLanguageModel(exports::Export& source, const model::Placement& placement);

// Gives `input` the melody of an audio file, at the codec's rate and channels, as MusicGen.generate_with_chroma
// converts it. Errors: those of ReadWav and ConvertAudio; kMismatch (shorter than two samples: the reference takes one
// for none).
Status ReadMelody(const std::filesystem::path& path, const architecture::CodecFacts& codec,
                  model::ConditioningInput& input);

}  // namespace harness::pipeline
