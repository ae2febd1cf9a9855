// Codecs that a reference or `compression_model_checkpoint` can name, with what their own configs say: enough to hold a
// language model against them where their files are not at hand.
// Source: config.json of each model on the hub, and audiocraft 1.3.0, models/encodec.py HFEncodecCompressionModel,
// which takes as many codebooks as the largest bandwidth holds; descript-audio-codec 1.0.0, dac/model/dac.py and conf/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/architecture/codec_facts.h"

namespace harness::architecture {

struct KnownCodec {
  std::string name;
  CodecFacts facts;
  std::string fetch;                            // the command that brings its files into the cache
  std::optional<std::string> dac_weights = {};  // of a DAC: its file in DAC's cache; else it is a model of the hub
};

const std::vector<KnownCodec>& ListKnownCodecs();
const KnownCodec* FindKnownCodec(std::string_view name);  // null where it is none

}  // namespace harness::architecture
