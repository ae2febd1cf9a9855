// What codec_compatibility's checks hold against each other, and those of them that judge one number or option; the
// reference, the training codec and the order stand in codec_compatibility.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "conformance/framework/check.h"
#include "conformance/framework/context.h"
#include "harness/export/codec_description.h"

namespace conformance::codec_checks {

// A codec to hold a language model against, whatever it is.
struct Codec {
  const harness::CodecDescription& description;
  const harness::CodecFacts& facts;
  int64_t seanet_channels = 0;  // what it decodes, where that is another number than it announces

  // A model of the hub or DAC: told by its name, not by its config.
  bool is_named() const { return description.is_named(); }
  std::string From(const char* key) const { return description.From(key); }
};

// One number of the LM config that the codec must share.
std::optional<int64_t> LmNumber(Context& context, const char* key);

// Precondition: the language model's options are ok, and the codec could be described.
using Judge = Outcome (*)(Context&, const harness::LmSpec&, const Codec&);

// What the codes are: codec_codes.cc.
Outcome Codebooks(Context& context, const harness::LmSpec& lm, const Codec& codec);
Outcome Cardinality(Context& context, const harness::LmSpec& lm, const Codec& codec);
Outcome Delays(Context& context);

// What they decode to: codec_sound.cc.
Outcome SampleRate(Context& context, const harness::LmSpec& lm, const Codec& codec);
Outcome FrameRate(Context& context, const harness::LmSpec& lm, const Codec& codec);
Outcome Stereo(Context& context, const harness::LmSpec& lm, const Codec& codec);
Outcome Channels(Context& context, const harness::LmSpec& lm, const Codec& codec);

}  // namespace conformance::codec_checks
