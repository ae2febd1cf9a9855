#include "harness/export/codec_description.h"

#include <fmt/format.h>

#include <utility>

namespace harness {

CodecDescription DescribeOwnCodec(const CodecSpec& spec) {
  CodecDescription codec;
  codec.facts = FactsOf(spec);
  codec.encoder_hop = spec.encoder.hop_length();
  codec.decoder_hop = spec.decoder.hop_length();
  codec.name = FileName(Role::kCodec);
  return codec;
}

std::string CodecDescription::From(const std::string& key) const {
  if (kind == Kind::kOwn || kind == Kind::kPackage) return fmt::format("{}: {}", name, key);
  const std::string whose = fmt::format("{}, which {} refers to", name, FileName(Role::kCodec));
  if (kind != Kind::kHub) return whose;
  const std::pair<const char*, const char*> keys[] = {{"rvq.n_q", "target_bandwidths"},
                                                      {"rvq.bins", "codebook_size"},
                                                      {"encodec.sample_rate", "sampling_rate"},
                                                      {"encodec.channels", "audio_channels"}};
  for (const auto& [ours, theirs] : keys) {
    if (key == ours) return fmt::format("{} (config.json: {})", whose, theirs);
  }
  return whose;
}

CodecWrap WrapOf(const LmSpec& spec) {
  return {spec.interleave_stereo, spec.stereo_per_timestep, spec.compression_model_n_q};
}

}  // namespace harness
