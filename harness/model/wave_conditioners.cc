// ChromaStemConditioner without its stem separation, StyleConditioner without a style, and no CLAPEmbeddingConditioner.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include "harness/model/chroma.h"
#include "harness/model/conditioner.h"
#include "harness/model/resample.h"

namespace harness::model {
namespace {

// Note [Null melodies in a batch]
// No melody is one zero sample. ConditioningProvider pads the waves of a batch to the longest, so beside a melody a
// null row becomes as much silence as the melody is long, and goes through the same extraction; only where a whole
// batch has no melody is the single sample padded to one window. get_pretrained turns masking off: no row is zeroed by
// its length.
class ChromaConditioner : public Conditioner {
 public:
  ChromaConditioner(const architecture::ChromaOptions& options, ConditionerParts parts)
      : name_(std::move(parts.name)),
        chroma_(options),
        projection_(std::move(parts.projection)),
        extractor_(chroma_, parts.tensor("chroma.spec.window")),
        device_(parts.device) {}

  bool encodes_melody() const override { return true; }

  Result<at::Tensor> Embed(const std::vector<ConditioningInput>& inputs) const override {
    int64_t length = 1, rate = 0;
    for (const ConditioningInput& input : inputs) {
      if (!input.melody.defined()) continue;
      if (input.melody.dim() != 2 || input.melody.size(1) < 1 || input.melody_sample_rate_hz < 1) {
        return Error{ErrorCode::kMismatch, fmt::format("a melody for conditioners.{} must have channels, samples and a "
                                                       "sample rate",
                                                       name_)};
      }
      if (rate != 0 && rate != input.melody_sample_rate_hz) {
        return Error{ErrorCode::kMismatch,
                     fmt::format("the melodies for conditioners.{} have {} Hz and {} Hz: one batch "
                                 "has one rate",
                                 name_, rate, input.melody_sample_rate_hz)};
      }
      rate = input.melody_sample_rate_hz;
      length = std::max(length, input.melody.size(1));
    }
    at::Tensor waves = at::zeros({static_cast<int64_t>(inputs.size()), length}, at::kFloat);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const at::Tensor& melody = inputs[i].melody;
      if (melody.defined()) {
        waves[static_cast<int64_t>(i)].narrow(0, 0, melody.size(1)).copy_(melody.to(at::kFloat).mean(0));
      }
    }
    // Demucs would take drums and bass out of the waves here.
    if (length > 1) {
      HARNESS_ASSIGN_OR_RETURN(const at::Tensor converted,
                               ConvertAudio(waves.unsqueeze(1), static_cast<double>(rate), chroma_.sample_rate_hz, 1));
      waves = converted.squeeze(1);
      if (waves.size(1) < 1) {
        return Error{ErrorCode::kMismatch,
                     fmt::format("the melody for conditioners.{} is shorter than a sample at {} Hz", name_,
                                 chroma_.sample_rate_hz)};
      }
    }
    at::Tensor chroma = extractor_.Extract(waves.to(device_));  // [B, T, n_chroma]
    const int64_t frames = chroma_.train_frames, repeats = (frames + chroma.size(1) - 1) / chroma.size(1);
    if (repeats > 1) chroma = chroma.repeat({1, repeats, 1});
    return projection_(chroma.narrow(1, 0, frames));
  }

 private:
  std::string name_;
  architecture::ChromaOptions chroma_;
  OutputProjection projection_;
  ChromaExtractor extractor_;
  at::Device device_;
};

// Without a style, one frame of zeros goes through the transformer and the quantizer, and is then masked, since its
// length is 0: what comes out is zero, whatever the (finite) weights.
class StyleConditioner : public Conditioner {
 public:
  explicit StyleConditioner(ConditionerParts parts)
      : name_(std::move(parts.name)), projection_(std::move(parts.projection)), device_(parts.device) {}

  Result<at::Tensor> Embed(const std::vector<ConditioningInput>& inputs) const override {
    for (const ConditioningInput& input : inputs) {
      if (input.melody.defined()) {
        return Error{ErrorCode::kUnsupported,
                     fmt::format("conditioners.{} takes a style from audio through MERT or an "
                                 "EnCodec, which this suite does not run: it generates without a "
                                 "style only",
                                 name_)};
      }
    }
    return at::zeros({static_cast<int64_t>(inputs.size()), 1, projection_.dim()},
                     at::TensorOptions().dtype(projection_.type()).device(device_));
  }

 private:
  std::string name_;
  OutputProjection projection_;
  at::Device device_;
};

}  // namespace

BuiltConditioner BuildConditioner(const architecture::ChromaOptions& options, ConditionerParts parts) {
  return std::unique_ptr<Conditioner>(std::make_unique<ChromaConditioner>(options, std::move(parts)));
}

BuiltConditioner BuildConditioner(const architecture::StyleOptions&, ConditionerParts parts) {
  return std::unique_ptr<Conditioner>(std::make_unique<StyleConditioner>(std::move(parts)));
}

BuiltConditioner BuildConditioner(const architecture::ClapOptions&, ConditionerParts parts) {
  return Error{ErrorCode::kUnsupported,
               fmt::format("conditioners.{}.model is clap, which this suite does not build", parts.name)};
}

}  // namespace harness::model
