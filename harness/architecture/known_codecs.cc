#include "harness/architecture/known_codecs.h"

namespace harness::architecture {
namespace {

CodecFacts Facts(int64_t rate_hz, int64_t hop, int64_t channels, std::vector<int64_t> counts, int64_t cardinality) {
  CodecFacts facts;
  facts.sample_rate_hz = rate_hz;
  facts.frame_rate_hz = static_cast<double>(rate_hz) / static_cast<double>(hop);
  facts.hop_length = hop;
  facts.channels = channels;
  facts.codebooks = facts.total_codebooks = counts.back();
  facts.cardinality = cardinality;
  facts.possible_codebooks = std::move(counts);
  return facts;
}

CodecFacts DacFacts(int64_t rate_hz, int64_t hop, int64_t codebooks, int64_t missing_samples) {
  CodecFacts facts = Facts(rate_hz, hop, 1, {codebooks}, 1024);
  facts.possible_codebooks.clear();
  facts.missing_samples = missing_samples;
  return facts;
}

KnownCodec Hub(const std::string& name, CodecFacts facts) {
  return {name, std::move(facts), "huggingface-cli download " + name};
}

}  // namespace

const std::vector<KnownCodec>& ListKnownCodecs() {
  static const std::vector<KnownCodec> codecs = [] {
    CodecFacts stereo = Facts(48000, 320, 2, {2, 4, 8, 16}, 1024);
    stereo.encode_gives_scale = true;
    return std::vector<KnownCodec>{
        Hub("facebook/encodec_24khz", Facts(24000, 320, 1, {2, 4, 8, 16, 32}, 1024)),
        Hub("facebook/encodec_32khz", Facts(32000, 640, 1, {4}, 2048)),
        Hub("facebook/encodec_48khz", std::move(stereo)),
        {"dac_44khz", DacFacts(44100, 512, 9, 0), "python -m dac download --model_type 44khz",
         "weights_44khz_8kbps_0.0.1.pth"},
        {"dac_24khz", DacFacts(24000, 320, 32, 8), "python -m dac download --model_type 24khz",
         "weights_24khz_8kbps_0.0.4.pth"},
    };
  }();
  return codecs;
}

const KnownCodec* FindKnownCodec(std::string_view name) {
  for (const KnownCodec& codec : ListKnownCodecs()) {
    if (codec.name == name) return &codec;
  }
  return nullptr;
}

}  // namespace harness::architecture
