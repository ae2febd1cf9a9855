// What codec_compatibility's checks hold against each other, and those of them that look at one number or option; the
// reference and the order stand in codec_compatibility.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "conformance/framework/check.h"
#include "conformance/framework/context.h"
#include "harness/export/codec_description.h"

namespace conformance::codec_checks {

// A codec to hold a language model against, whatever it is.
struct Codec {
  const harness::exports::CodecDescription& description;
  const harness::architecture::CodecFacts& facts;
  int64_t seanet_channels = 0;  // what it decodes, where that is another number than it announces

  // A model of the hub or DAC: known by its name, not by its config.
  bool is_named() const { return description.is_named(); }
  // The file and its key, for messages.
  std::string NameKey(const char* key) const { return description.From(key); }
};

// Before the name of a published codec, in training configs.
inline constexpr std::string_view kPretrained = "//pretrained/";
inline constexpr const char* kExportTrainedCodec = "Export the codec that the model was trained with";

// One number of the LM config that the codec must share.
std::optional<int64_t> ReadLmNumber(Context& context, const char* key);

// Precondition: the language model's options are ok, and the codec could be described.
using CodecCheck = Outcome (*)(Context&, const harness::architecture::LmSpec&, const Codec&);

// What the codes are: codec_codes.cc.
Outcome CheckCodebooks(Context& context, const harness::architecture::LmSpec& lm, const Codec& codec);
Outcome CheckCardinality(Context& context, const harness::architecture::LmSpec& lm, const Codec& codec);
Outcome CheckDelays(Context& context);

// What they decode to: codec_sound.cc.
Outcome CheckSampleRate(Context& context, const harness::architecture::LmSpec& lm, const Codec& codec);
Outcome CheckFrameRate(Context& context, const harness::architecture::LmSpec& lm, const Codec& codec);
Outcome CheckStereo(Context& context, const harness::architecture::LmSpec& lm, const Codec& codec);
Outcome CheckChannels(Context& context, const harness::architecture::LmSpec& lm, const Codec& codec);

// Whose weights they are: trained_with.cc.
Outcome CheckTrainedWith(Context& context, const harness::architecture::LmSpec& lm, const Codec& codec);

}  // namespace conformance::codec_checks
