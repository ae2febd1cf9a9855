#include "harness/pipeline/codec_source.h"

#include <fmt/format.h>

#include <variant>

#include "harness/model/dac.h"
#include "harness/model/encodec_model.h"
#include "harness/model/stereo_codec.h"
#include "harness/model/tensor_table.h"

namespace harness::pipeline {
namespace {

using Model = std::unique_ptr<model::CompressionModel>;

// What decodes with each kind of source. `facts`: of the codec itself, with the wanted codebooks.
class CodecBuilder {
 public:
  CodecBuilder(const exports::CodecDescription& codec, architecture::CodecFacts facts, at::Device device,
               exports::Export* source, const CodecAlternative* as = nullptr)
      : codec_(codec), facts_(std::move(facts)), device_(device), source_(source), as_(as) {}

  Result<Model> Build() { return std::visit(*this, codec_.source); }

  Result<Model> operator()(const exports::OwnCodec& own) {
    TORCH_CHECK(source_ != nullptr, "own weights are the Export's");
    const exports::CheckedTensors& tensors = source_->tensors(exports::Role::kCodec);
    HARNESS_ASSIGN_OR_RETURN(
        model::TensorTable table,
        model::TensorTable::Bind(source_->file(exports::Role::kCodec).checkpoint(), tensors.specs, tensors.Binding()));
    if (as_ != nullptr && as_->rearrange) as_->rearrange(as_->spec, table);
    return BuildEncodec(as_ != nullptr ? as_->spec : own.spec, std::move(table));
  }
  Result<Model> operator()(const exports::PackagedCodec& package) {
    return BuildEncodec(package.spec, model::TensorTable::Bind(package.file->checkpoint(), package.tensors.specs,
                                                               package.tensors.binding));
  }
  Result<Model> operator()(const exports::HubCodec& hub) {
    return BuildEncodec(hub.spec, model::TensorTable::Bind(*hub.weights, hub.tensors.specs));
  }
  Result<Model> operator()(const exports::DacCodecFile& file) {
    HARNESS_ASSIGN_OR_RETURN(const model::TensorTable table,
                             model::TensorTable::Bind(*file.weights, file.tensors.specs, file.tensors.binding));
    HARNESS_ASSIGN_OR_RETURN(model::DacCodec dac, model::DacCodec::Build(file.spec, facts_, table, device_));
    return Model(std::make_unique<model::DacCodec>(std::move(dac)));
  }
  Result<Model> operator()(const exports::UncachedCodec& uncached) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{}: the weights of {} are not here: {}", exports::FileName(exports::Role::kCodec),
                             codec_.name, uncached.why.message),
                 uncached.why.remedy};
  }

 private:
  Result<Model> BuildEncodec(const architecture::CodecSpec& spec, Result<model::TensorTable> bound) {
    HARNESS_ASSIGN_OR_RETURN(const model::TensorTable table, std::move(bound));
    HARNESS_ASSIGN_OR_RETURN(model::EncodecModel encodec, model::EncodecModel::Build(spec, facts_, table, device_));
    return Model(std::make_unique<model::EncodecModel>(std::move(encodec)));
  }

  const exports::CodecDescription& codec_;
  architecture::CodecFacts facts_;
  at::Device device_;
  exports::Export* source_;
  const CodecAlternative* as_;
};

}  // namespace

Result<Model> LoadReferencedCodec(const exports::CodecDescription& codec, architecture::CodecFacts facts,
                                  at::Device device) {
  return CodecBuilder(codec, std::move(facts), device, nullptr).Build();
}

namespace {

Result<Model> Load(exports::Export& source, const CodecAlternative* as, at::Device device) {
  const auto& codec = source.codec();
  if (!codec.ok()) return codec.error();
  const architecture::CodecWrap wrap = exports::ChooseCodecWrap(*source.lm_spec());
  architecture::CodecFacts facts = codec->facts;
  if (wrap.codebooks) {
    HARNESS_ASSIGN_OR_RETURN(facts, architecture::WithCodebooks(std::move(facts), *wrap.codebooks));
  }
  HARNESS_ASSIGN_OR_RETURN(architecture::CodecFacts whole, architecture::Wrap(codec->facts, wrap));
  HARNESS_ASSIGN_OR_RETURN(Model model, CodecBuilder(*codec, std::move(facts), device, &source, as).Build());
  if (!wrap.interleave_stereo) return model;
  return Model(std::make_unique<model::StereoCodec>(std::move(model), std::move(whole)));
}

}  // namespace

Result<Model> LoadCodec(exports::Export& source, at::Device device) { return Load(source, nullptr, device); }

Result<Model> LoadCodecAs(exports::Export& source, const CodecAlternative& as, at::Device device) {
  return Load(source, &as, device);
}

}  // namespace harness::pipeline
