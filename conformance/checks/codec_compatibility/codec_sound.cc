// Category codec_compatibility, what the codes decode to: rates, channels, left and right.
#include <fmt/format.h>

#include "conformance/checks/codec_compatibility/codec_checks.h"

namespace conformance::codec_checks {

using harness::architecture::LmSpec;

std::optional<int64_t> ReadLmNumber(Context& context, const char* key) {
  const auto value = context.exported().file(harness::exports::Role::kLanguageModel).config()->GetInt(key);
  return value.ok() ? std::optional(*value) : std::nullopt;
}

Outcome CheckSampleRate(Context& context, const LmSpec&, const Codec& codec) {
  const auto rate = ReadLmNumber(context, "sample_rate");
  if (!rate) return Pass("the config of the language model has no sample_rate to compare with");
  if (*rate == codec.facts.sample_rate_hz) return Pass(codec.facts.sample_rate_hz, *rate);
  return Fail(fmt::format(
                  "state_dict.bin: the language model was trained at {} Hz (sample_rate), but the codec runs at {} "
                  "Hz ({}). The music plays at the wrong speed and pitch, without an error",
                  *rate, codec.facts.sample_rate_hz, codec.NameKey("encodec.sample_rate")),
              codec.facts.sample_rate_hz, *rate)
      .WithRemedy(kExportTrainedCodec);
}

Outcome CheckFrameRate(Context&, const LmSpec&, const Codec& codec) {
  // The others divide without rounding.
  if (!codec.is_named() && codec.facts.sample_rate_hz % codec.description.encoder_hop != 0) {
    return Fail(fmt::format("compression_state_dict.bin: the hop is {} samples (seanet.ratios), which does not divide "
                            "{} Hz (encodec.sample_rate). audiocraft rounds the frame rate down to {} Hz, and every "
                            "duration is off",
                            codec.description.encoder_hop, codec.facts.sample_rate_hz, codec.facts.frame_rate_hz),
                codec.facts.frame_rate_hz)
        .WithRemedy("Set both to what the codec was trained with");
  }
  if (codec.description.decoder_hop != codec.description.encoder_hop) {
    return Fail(fmt::format("compression_state_dict.bin: the encoder's hop is {} samples (seanet.encoder.ratios), but "
                            "the decoder's is {} (seanet.decoder.ratios). A frame decodes to another length than it "
                            "stands for",
                            codec.description.encoder_hop, codec.description.decoder_hop),
                codec.description.decoder_hop, codec.description.encoder_hop)
        .WithRemedy("Remove the override that the codec was not trained with");
  }
  return Pass(codec.facts.frame_rate_hz);
}

Outcome CheckStereo(Context& context, const LmSpec& lm, const Codec& codec) {
  const auto channels = ReadLmNumber(context, "channels");
  // As many codebooks as left and right together have: the language model's weights say so as well.
  const auto in_turn = context.exported()
                           .file(harness::exports::Role::kLanguageModel)
                           .config()
                           ->GetBool("interleave_stereo_codebooks.per_timestep");
  const int64_t of_codec = lm.compression_model_n_q.value_or(codec.facts.codebooks);
  const bool fits_stereo = lm.num_codebooks == (in_turn.ok() && *in_turn ? of_codec : 2 * of_codec);
  if (!lm.interleave_stereo) {
    if (channels && *channels == 2 && codec.facts.channels == 1) {
      if (!fits_stereo) {
        return Fail(
                   fmt::format("state_dict.bin: channels is 2, but interleave_stereo_codebooks.use is false, the codec "
                               "is mono ({} is 1), and the language model generates {} codebooks, too few for left and "
                               "right of this codec: what comes out is mono",
                               codec.NameKey("encodec.channels"), lm.num_codebooks))
            .WithRemedy(
                "If the model is mono, set channels: 1 in state_dict.bin; if not, export it with the whole config of its training");
      }
      return Fail(fmt::format("state_dict.bin: interleave_stereo_codebooks.use is false, but the language model was "
                              "trained on stereo (channels is 2) with a codec that is mono ({} is 1): the flag was "
                              "lost. Left and right are decoded as one signal",
                              codec.NameKey("encodec.channels")))
          .WithRemedy("Set interleave_stereo_codebooks.use to true");
    }
    return Pass("not interleaved");
  }
  if (codec.facts.channels != 1) {
    return Fail(fmt::format("state_dict.bin: interleave_stereo_codebooks.use is true, but the codec has {} channels "
                            "({}). MusicGen.get_pretrained raises an AssertionError: it interleaves mono codecs only",
                            codec.facts.channels, codec.NameKey("encodec.channels")))
        .WithRemedy(
            "Set interleave_stereo_codebooks.use to false, or export the mono codec that the model was trained "
            "with");
  }
  if (!lm.stereo_per_timestep && lm.num_codebooks % 2 != 0) {
    return Fail(fmt::format("state_dict.bin: interleave_stereo_codebooks.use is true, but transformer_lm.n_q is {}, "
                            "which is odd. Left and right share the codebooks",
                            lm.num_codebooks))
        .WithRemedy("Set interleave_stereo_codebooks.use to false, or .per_timestep to true, as the model was trained");
  }
  if (channels && *channels == 1) {
    return Fail(
               "state_dict.bin: interleave_stereo_codebooks.use is true, but the language model was trained on one "
               "channel (channels is 1): the flag was added. The codec's codes are taken for left and right")
        .WithRemedy(fits_stereo
                        ? "Set channels to 2, if the model was trained on stereo: its codebooks are of left and right"
                        : "Set interleave_stereo_codebooks.use to false");
  }
  return Pass("interleaved");
}

Outcome CheckChannels(Context& context, const LmSpec& lm, const Codec& codec) {
  if (codec.seanet_channels != codec.facts.channels) {
    return Fail(fmt::format("compression_state_dict.bin: encodec.channels is {}, but seanet.channels is {}. audiocraft "
                            "announces the first and decodes the second",
                            codec.facts.channels, codec.seanet_channels),
                codec.seanet_channels, codec.facts.channels)
        .WithRemedy("Set encodec.channels to the value of seanet.channels");
  }
  const int64_t audio_channels = lm.interleave_stereo ? 2 : codec.facts.channels;
  const auto channels = ReadLmNumber(context, "channels");
  if (channels && *channels != audio_channels) {
    return Fail(fmt::format("state_dict.bin: the language model was trained on {} (channels is {}), but the decoded "
                            "audio has {} ({}{}). It is another codec than the one that the model was trained with",
                            *channels == 1   ? "mono"
                            : *channels == 2 ? "stereo"
                                             : "another number of channels",
                            *channels, audio_channels == 1 ? "1 channel" : fmt::format("{} channels", audio_channels),
                            codec.NameKey("encodec.channels"), lm.interleave_stereo ? ", interleaved to stereo" : ""),
                audio_channels, *channels)
        .WithRemedy(kExportTrainedCodec);
  }
  Outcome outcome = Pass(audio_channels);
  if (codec.facts.encode_gives_scale) {
    outcome.message = fmt::format(
        "{} is true: the codec evens out the volume and gives a scale beside the codes, and "
        "MusicGen.generate_continuation asserts that there is none: no music can be continued from a prompt of audio. "
        "Generation from texts and melodies is not affected",
        codec.is_named()
            ? fmt::format("normalize of {}, which compression_state_dict.bin refers to,", codec.description.name)
            : codec.NameKey("encodec.renormalize"));
  }
  return outcome;
}

}  // namespace conformance::codec_checks
