#include "harness/pipeline/models.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "harness/audio/wav.h"
#include "harness/generate/catch_torch.h"
#include "harness/model/resample.h"
#include "harness/model/t5_text_encoder.h"
#include "harness/pipeline/codec_source.h"
#include "harness/text/t5_files.h"

namespace harness::pipeline {
namespace {

// From where the reference takes it: the tokenizer of the T5 that the config names, the weights of it or, fine-tuned,
// of the export. Errors: as FindT5 and T5TextEncoder have them.
Result<std::shared_ptr<const model::TextEncoder>> FindTextEncoder(exports::Export& source,
                                                                  const architecture::ConditionerSpec& conditioner,
                                                                  const architecture::T5Options& t5,
                                                                  const model::TensorTable& tensors,
                                                                  at::Device device) {
  HARNESS_ASSIGN_OR_RETURN(const text::T5Files files,
                           text::FindT5(t5.name, source.hub(), conditioner.input_dim, source.working_directory()));
  if (!t5.finetune) return model::T5TextEncoder::FromFolder(files.folder, files.spec, device);
  return model::T5TextEncoder::FromExport(files.folder, files.spec, tensors, architecture::T5Prefix(conditioner.name),
                                          device);
}

// The encoder of each t5 conditioner. What is not there is noted in `without_text`; what is broken is an error.
Status FindTextEncoders(exports::Export& source, const model::TensorTable& tensors, at::Device device,
                        model::TextEncoders& encoders, std::optional<Error>& without_text) {
  for (const architecture::ConditionerSpec& conditioner : source.lm_spec()->conditioners) {
    const auto* t5 = std::get_if<architecture::T5Options>(&conditioner.options);
    if (t5 == nullptr) continue;
    if (t5->finetune && (t5->inferred || t5->tensors.empty())) {
      without_text = Error{
          ErrorCode::kNotFound,
          fmt::format("the config of {}, which conditioners.{} fine-tunes, was not found", t5->name, conditioner.name)};
      continue;
    }
    auto encoder = FindTextEncoder(source, conditioner, *t5, tensors, device);
    if (encoder.ok()) {
      encoders[conditioner.name] = std::move(encoder).value();
    } else if (encoder.error().code == ErrorCode::kNotFound || encoder.error().code == ErrorCode::kUnsupported) {
      without_text = encoder.error();
    } else {
      return encoder.error();
    }
  }
  return {};
}

}  // namespace

Result<model::TensorTable> BindLanguageModel(exports::Export& source) {
  const exports::CheckedTensors& tensors = source.tensors(exports::Role::kLanguageModel);
  return model::TensorTable::Bind(source.file(exports::Role::kLanguageModel).checkpoint(), tensors.specs,
                                  tensors.Binding());
}

Result<Models> LoadModels(exports::Export& source, const model::Placement& placement) {
  return generate::CatchTorch<Models>("loading the weights", [&]() -> Result<Models> {
    const c10::InferenceMode inference;
    HARNESS_ASSIGN_OR_RETURN(const model::TensorTable lm_table, BindLanguageModel(source));
    HARNESS_ASSIGN_OR_RETURN(model::LanguageModel language_model,
                             model::LanguageModel::Build(*source.lm_spec(), lm_table, placement));
    model::TextEncoders encoders;
    std::optional<Error> without_text;
    HARNESS_RETURN_IF_ERROR(FindTextEncoders(source, lm_table, placement.device, encoders, without_text));
    HARNESS_ASSIGN_OR_RETURN(
        model::ConditionProvider conditions,
        model::ConditionProvider::Build(*source.lm_spec(), lm_table, std::move(encoders), placement));
    HARNESS_ASSIGN_OR_RETURN(std::unique_ptr<model::CompressionModel> codec, LoadCodec(source, placement.device));
    return Models{std::move(language_model), std::move(conditions), std::move(codec), std::move(without_text)};
  });
}

Result<model::LanguageModel> LoadLanguageModel(exports::Export& source, const model::Placement& placement) {
  return generate::CatchTorch<model::LanguageModel>("loading the weights again", [&]() -> Result<model::LanguageModel> {
    const c10::InferenceMode inference;
    HARNESS_ASSIGN_OR_RETURN(const model::TensorTable table, BindLanguageModel(source));
    return model::LanguageModel::Build(*source.lm_spec(), table, placement);
  });
}

Status ReadMelody(const std::filesystem::path& path, const architecture::CodecFacts& codec,
                  model::ConditioningInput& input) {
  HARNESS_ASSIGN_OR_RETURN(const audio::Waveform wav, audio::ReadWav(path));
  const auto converted = generate::CatchTorch<at::Tensor>("converting a melody", [&]() -> Result<at::Tensor> {
    const at::Tensor audio = at::tensor(at::ArrayRef<float>(wav.samples)).view({-1, wav.channels}).t().contiguous();
    return model::ConvertAudio(audio, wav.sample_rate_hz, static_cast<double>(codec.sample_rate_hz), codec.channels);
  });
  if (!converted.ok()) return converted.error().In(path.string());
  if (converted->size(-1) < 2) {
    return Error{ErrorCode::kMismatch,
                 path.string() + ": is shorter than two samples, which audiocraft takes for none"};
  }
  input.melody = *converted;
  input.melody_sample_rate_hz = codec.sample_rate_hz;
  return {};
}

}  // namespace harness::pipeline
