#include "harness/export/codec_description.h"

#include <fmt/format.h>

#include <utility>

namespace harness::exports {

CodecDescription DescribeOwnCodec(const architecture::CodecSpec& spec) {
  return {.name = FileName(Role::kCodec),
          .facts = architecture::SummarizeCodec(spec),
          .encoder_hop = spec.encoder.hop_length(),
          .decoder_hop = spec.decoder.hop_length(),
          .source = OwnCodec{spec}};
}

const architecture::CodecSpec* CodecDescription::encodec() const {
  if (const auto* own = std::get_if<OwnCodec>(&source)) return &own->spec;
  if (const auto* packaged = std::get_if<PackagedCodec>(&source)) return &packaged->spec;
  if (const auto* hub = std::get_if<HubCodec>(&source)) return &hub->spec;
  return nullptr;
}

bool CodecDescription::is_named() const {
  return !std::holds_alternative<OwnCodec>(source) && !std::holds_alternative<PackagedCodec>(source);
}

std::string CodecDescription::From(const std::string& key) const {
  if (!is_named()) return fmt::format("{}: {}", name, key);
  const std::string whose = fmt::format("{}, which {} refers to", name, FileName(Role::kCodec));
  if (!std::holds_alternative<HubCodec>(source)) return whose;
  const std::pair<const char*, const char*> keys[] = {{"rvq.n_q", "target_bandwidths"},
                                                      {"rvq.bins", "codebook_size"},
                                                      {"encodec.sample_rate", "sampling_rate"},
                                                      {"encodec.channels", "audio_channels"}};
  for (const auto& [ours, theirs] : keys) {
    if (key == ours) return fmt::format("{} (config.json: {})", whose, theirs);
  }
  return whose;
}

architecture::CodecWrap ChooseCodecWrap(const architecture::LmSpec& spec) {
  return {spec.interleave_stereo, spec.stereo_per_timestep, spec.compression_model_n_q};
}

}  // namespace harness::exports
