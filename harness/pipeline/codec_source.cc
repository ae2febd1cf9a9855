#include "harness/pipeline/codec_source.h"

#include <fmt/format.h>

#include <variant>

#include "harness/model/dac.h"
#include "harness/model/encodec_model.h"
#include "harness/model/stereo_codec.h"
#include "harness/model/tensor_table.h"

namespace harness {
namespace {

using Model = std::unique_ptr<CompressionModel>;

// What decodes with each kind of source. `facts`: of the codec itself, with the wanted codebooks.
class CodecBuilder {
 public:
  CodecBuilder(const CodecDescription& codec, CodecFacts facts, at::Device device, Export* source)
      : codec_(codec), facts_(std::move(facts)), device_(device), source_(source) {}

  Result<Model> Build() { return std::visit(*this, codec_.source); }

  Result<Model> operator()(const OwnCodec& own) {
    TORCH_CHECK(source_ != nullptr, "own weights are the Export's");
    const CheckedTensors& tensors = source_->tensors(Role::kCodec);
    return BuildEncodec(own.spec,
                        TensorTable::Bind(source_->file(Role::kCodec).checkpoint(), tensors.specs, tensors.Binding()));
  }
  Result<Model> operator()(const PackagedCodec& package) {
    return BuildEncodec(package.spec,
                        TensorTable::Bind(package.file->checkpoint(), package.tensors.specs, package.tensors.binding));
  }
  Result<Model> operator()(const HubCodec& hub) {
    return BuildEncodec(hub.spec, TensorTable::Bind(*hub.weights, hub.tensors.specs));
  }
  Result<Model> operator()(const DacCodecFile& file) {
    HARNESS_ASSIGN_OR_RETURN(const TensorTable table,
                             TensorTable::Bind(*file.weights, file.tensors.specs, file.tensors.binding));
    HARNESS_ASSIGN_OR_RETURN(DacCodec dac, DacCodec::Build(file.spec, facts_, table, device_));
    return Model(std::make_unique<DacCodec>(std::move(dac)));
  }
  Result<Model> operator()(const UncachedCodec& uncached) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: the weights of {} are not here: {}", FileName(Role::kCodec), codec_.name,
                             uncached.why.message),
                 uncached.why.remedy};
  }

 private:
  Result<Model> BuildEncodec(const CodecSpec& spec, Result<TensorTable> bound) {
    HARNESS_ASSIGN_OR_RETURN(const TensorTable table, std::move(bound));
    HARNESS_ASSIGN_OR_RETURN(EncodecModel encodec, EncodecModel::Build(spec, facts_, table, device_));
    return Model(std::make_unique<EncodecModel>(std::move(encodec)));
  }

  const CodecDescription& codec_;
  CodecFacts facts_;
  at::Device device_;
  Export* source_;
};

}  // namespace

Result<Model> LoadReferencedCodec(const CodecDescription& codec, CodecFacts facts, at::Device device) {
  return CodecBuilder(codec, std::move(facts), device, nullptr).Build();
}

Result<Model> LoadCodec(Export& source, at::Device device) {
  const auto& codec = source.codec();
  if (!codec.ok()) return codec.error();
  const CodecWrap wrap = WrapOf(*source.lm_spec());
  CodecFacts facts = codec->facts;
  if (wrap.codebooks) {
    HARNESS_ASSIGN_OR_RETURN(facts, WithCodebooks(std::move(facts), *wrap.codebooks));
  }
  HARNESS_ASSIGN_OR_RETURN(CodecFacts whole, Wrap(codec->facts, wrap));
  HARNESS_ASSIGN_OR_RETURN(Model model, CodecBuilder(*codec, std::move(facts), device, &source).Build());
  if (!wrap.interleave_stereo) return model;
  return Model(std::make_unique<StereoCodec>(std::move(model), std::move(whole)));
}

}  // namespace harness
