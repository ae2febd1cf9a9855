#include "harness/pipeline/codec_source.h"

#include <fmt/format.h>

#include "harness/model/codec.h"
#include "harness/model/dac.h"
#include "harness/model/stereo_codec.h"
#include "harness/model/tensor_table.h"

namespace harness {
namespace {

using Model = std::unique_ptr<CompressionModel>;

Result<Model> BuildEncodec(const CodecSpec& spec, CodecFacts facts, const TensorTable& tensors, at::Device device) {
  HARNESS_ASSIGN_OR_RETURN(Codec codec, Codec::Build(spec, std::move(facts), tensors, device));
  return Model(std::make_unique<Codec>(std::move(codec)));
}

}  // namespace

Result<Model> LoadReferencedCodec(const CodecDescription& codec, CodecFacts facts, at::Device device) {
  switch (codec.kind) {
    case CodecDescription::Kind::kHub: {
      HARNESS_ASSIGN_OR_RETURN(const TensorTable table, TensorTable::Bind(*codec.hub_weights, codec.specs));
      return BuildEncodec(*codec.encodec, std::move(facts), table, device);
    }
    case CodecDescription::Kind::kPackage: {
      HARNESS_ASSIGN_OR_RETURN(const TensorTable table,
                               TensorTable::Bind(codec.package->checkpoint(), codec.specs, codec.binding));
      return BuildEncodec(*codec.encodec, std::move(facts), table, device);
    }
    case CodecDescription::Kind::kDac: {
      HARNESS_ASSIGN_OR_RETURN(const TensorTable table,
                               TensorTable::Bind(*codec.dac_weights, codec.specs, codec.binding));
      HARNESS_ASSIGN_OR_RETURN(DacCodec dac, DacCodec::Build(*codec.dac, std::move(facts), table, device));
      return Model(std::make_unique<DacCodec>(std::move(dac)));
    }
    case CodecDescription::Kind::kOwn:
    case CodecDescription::Kind::kKnown: break;
  }
  const Error why = codec.not_run.value_or(Error{ErrorCode::kUnsupported, "they lie in the export"});
  return Error{ErrorCode::kUnsupported,
               fmt::format("{}: the weights of {} are not here: {}", FileName(Role::kCodec), codec.name, why.message),
               why.remedy};
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
  Model model;
  if (codec->kind == CodecDescription::Kind::kOwn) {
    const CheckedTensors& tensors = source.tensors(Role::kCodec);
    HARNESS_ASSIGN_OR_RETURN(const TensorTable table, TensorTable::Bind(source.file(Role::kCodec).checkpoint(),
                                                                        tensors.specs, tensors.Binding()));
    HARNESS_ASSIGN_OR_RETURN(model, BuildEncodec(*source.codec_spec(), std::move(facts), table, device));
  } else {
    HARNESS_ASSIGN_OR_RETURN(model, LoadReferencedCodec(*codec, std::move(facts), device));
  }
  if (!wrap.interleave_stereo) return model;
  return Model(std::make_unique<StereoCodec>(std::move(model), std::move(whole)));
}

}  // namespace harness
