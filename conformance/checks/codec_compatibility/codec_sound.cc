// Category codec_compatibility, what the codes decode to: rates, channels, left and right.
#include <fmt/format.h>

#include "conformance/checks/codec_compatibility/codec_checks.h"

namespace conformance::codec_checks {

using harness::LmSpec;

std::optional<int64_t> LmNumber(Context& context, const char* key) {
  const auto value = context.exported().file(harness::Role::kLanguageModel).config()->GetInt(key);
  return value.ok() ? std::optional(*value) : std::nullopt;
}

Outcome SampleRate(Context& context, const LmSpec&, const Codec& codec) {
  const auto rate = LmNumber(context, "sample_rate");
  if (!rate) return Pass("the config of the language model has no sample_rate to compare with");
  if (*rate == codec.facts.sample_rate_hz) return Pass(codec.facts.sample_rate_hz, *rate);
  return Fail(
      fmt::format(
          "the language model was trained at {} Hz (state_dict.bin: sample_rate), the codec is of {} Hz ({}): the "
          "music plays at the wrong speed and pitch, without an error. Export the codec that it was trained with",
          *rate, codec.facts.sample_rate_hz, codec.From("encodec.sample_rate")),
      codec.facts.sample_rate_hz, *rate);
}

Outcome FrameRate(Context&, const LmSpec&, const Codec& codec) {
  // The others divide without rounding.
  if (!codec.is_named() && codec.facts.sample_rate_hz % codec.description.encoder_hop != 0) {
    return Fail(
        fmt::format("compression_state_dict.bin: seanet.ratios give a hop of {} samples, which does not divide {} Hz "
                    "(encodec.sample_rate): production rounds the frame rate down to {} Hz, and every duration is off. "
                    "Set both to what the codec "
                    "was trained with",
                    codec.description.encoder_hop, codec.facts.sample_rate_hz, codec.facts.frame_rate_hz),
        codec.facts.frame_rate_hz);
  }
  if (codec.description.decoder_hop != codec.description.encoder_hop) {
    return Fail(
        fmt::format(
            "compression_state_dict.bin: the encoder's hop is {} samples, the decoder's {} (seanet.encoder.ratios, "
            "seanet.decoder.ratios): a frame decodes to another length than it stands for. Remove the override that "
            "does not belong there",
            codec.description.encoder_hop, codec.description.decoder_hop),
        codec.description.decoder_hop, codec.description.encoder_hop);
  }
  return Pass(codec.facts.frame_rate_hz);
}

Outcome Stereo(Context& context, const LmSpec& lm, const Codec& codec) {
  const auto channels = LmNumber(context, "channels");
  if (!lm.interleave_stereo) {
    if (channels && *channels == 2 && codec.facts.channels == 1) {
      return Fail(fmt::format(
          "the language model was trained on stereo (state_dict.bin: channels is 2), the codec is mono ({} is 1) and "
          "interleave_stereo_codebooks.use is false: the flag was lost, left and right are decoded as one "
          "signal. Set interleave_stereo_codebooks.use to true",
          codec.From("encodec.channels")));
    }
    return Pass("not interleaved");
  }
  if (codec.facts.channels != 1) {
    return Fail(fmt::format(
        "state_dict.bin: interleave_stereo_codebooks.use is true, but the codec has {} channels ({}): the wrap "
        "asserts that it is mono. Set it to false, or export the mono codec that the model was trained with",
        codec.facts.channels, codec.From("encodec.channels")));
  }
  if (!lm.stereo_per_timestep && lm.num_codebooks % 2 != 0) {
    return Fail(fmt::format(
        "state_dict.bin: interleave_stereo_codebooks.use is true, but transformer_lm.n_q is {}: left and right "
        "share the codebooks, so it must be even. Set use to false, or per_timestep to true: what the model was "
        "trained with",
        lm.num_codebooks));
  }
  if (channels && *channels == 1) {
    return Fail(
        "state_dict.bin: interleave_stereo_codebooks.use is true, but the language model was trained on one channel "
        "(channels is 1): the flag was added, and the codec's codes are taken for left and right. Set "
        "interleave_stereo_codebooks.use to false; for a model that was trained on stereo, set channels to 2");
  }
  return Pass("interleaved");
}

Outcome Channels(Context& context, const LmSpec& lm, const Codec& codec) {
  if (codec.seanet_channels != codec.facts.channels) {
    return Fail(fmt::format("compression_state_dict.bin: encodec.channels is {}, seanet.channels is {}: production "
                            "announces one and decodes the other. Set encodec.channels to the latter",
                            codec.facts.channels, codec.seanet_channels),
                codec.seanet_channels, codec.facts.channels);
  }
  const int64_t audio_channels = lm.interleave_stereo ? 2 : codec.facts.channels;
  const auto channels = LmNumber(context, "channels");
  if (channels && *channels != audio_channels) {
    return Fail(
        fmt::format(
            "the language model was trained on {} (state_dict.bin: channels is {}), the decoded audio has {} ({}{}): "
            "it is another codec than the one that it was trained with. Export that one",
            *channels == 1   ? "mono"
            : *channels == 2 ? "stereo"
                             : "another number of channels",
            *channels, audio_channels == 1 ? "1 channel" : fmt::format("{} channels", audio_channels),
            codec.From("encodec.channels"), lm.interleave_stereo ? ", interleaved to stereo" : ""),
        audio_channels, *channels);
  }
  Outcome outcome = Pass(audio_channels);
  if (codec.facts.encode_gives_scale) {
    outcome.message = fmt::format(
        "{} is true: the codec evens out the volume and gives a scale beside the codes, and "
        "MusicGen.generate_continuation asserts that there is none: no music can be continued from a prompt of audio. "
        "Generation from texts and melodies is not affected",
        codec.is_named()
            ? fmt::format("normalize of {}, which compression_state_dict.bin refers to,", codec.description.name)
            : codec.From("encodec.renormalize"));
  }
  return outcome;
}

}  // namespace conformance::codec_checks
