// Category codec_compatibility: what nothing compares when a MusicGen is loaded. The trainer asserts some of it
// (audiocraft 1.3.0 solvers/musicgen.py); the loader none.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <optional>

#include "conformance/context.h"
#include "conformance/suite.h"
#include "harness/spec/option_reader.h"

namespace conformance {
namespace {

using harness::CodecSpec;
using harness::LmSpec;
using harness::Role;

// Codecs that a reference or `compression_model_checkpoint` can name, with what their own configs say.
// Source: the config.json of each model on the hub; descript-audio-codec 1.0.0 dac/model/dac.py.
struct KnownCodec {
  std::string_view name;
  int64_t sample_rate_hz, frame_rate_hz, channels;
};
constexpr std::array kKnownCodecs = {
    KnownCodec{"facebook/encodec_24khz", 24000, 75, 1}, KnownCodec{"facebook/encodec_32khz", 32000, 50, 1},
    KnownCodec{"facebook/encodec_48khz", 48000, 150, 2}, KnownCodec{"dac_44khz", 44100, 86, 1},
    KnownCodec{"dac_24khz", 24000, 75, 1},
};

const KnownCodec* FindKnown(std::string_view name) {
  for (const KnownCodec& codec : kKnownCodecs) {
    if (codec.name == name) return &codec;
  }
  return nullptr;
}

// `compression_model_checkpoint` of the LM config: the codec that it was trained on; empty where it is not said.
std::string TrainedOn(Context& context) {
  const auto value = context.exported().file(Role::kLanguageModel).config()->GetString("compression_model_checkpoint");
  return value.ok() ? *value : "";
}

constexpr std::string_view kPretrained = "//pretrained/";

Outcome CheckReference(Context& context) {
  const auto& pretrained = context.exported().file(Role::kCodec).package()->pretrained;
  if (!pretrained) return Pass("own weights");
  if (pretrained->starts_with(kPretrained)) {
    return Fail(fmt::format("compression_state_dict.bin: pretrained is '{}': the prefix {} is for training configs, "
                            "CompressionModel.get_pretrained takes it as the name of a hub model and fails. Export again with "
                            "export_pretrained_compression_model('{}')",
                            *pretrained, kPretrained, pretrained->substr(kPretrained.size())));
  }
  if (FindKnown(*pretrained) == nullptr) {
    std::vector<std::string> names;
    for (const KnownCodec& codec : kKnownCodecs) names.emplace_back(codec.name);
    if (const auto near = harness::Nearest(*pretrained, names)) {
      return Fail(fmt::format("compression_state_dict.bin: pretrained is '{}', which is no codec: did you mean '{}'?",
                              *pretrained, *near));
    }
    return Skip(fmt::format("unsupported here: the codec is a reference to '{}', which this suite does not know", *pretrained));
  }
  return Pass(*pretrained);
}

// What must hold of a codec that brings its own weights: judged on both specs.
using Judge = Outcome (*)(Context&, const LmSpec&, const CodecSpec&);

int64_t ActiveCodebooks(const LmSpec& lm, const CodecSpec& codec) {
  return lm.compression_model_n_q.value_or(codec.num_codebooks) * (lm.interleave_stereo && !lm.stereo_per_timestep ? 2 : 1);
}

Outcome Codebooks(Context&, const LmSpec& lm, const CodecSpec& codec) {
  if (lm.compression_model_n_q && (*lm.compression_model_n_q < 1 || *lm.compression_model_n_q > codec.num_codebooks)) {
    return Fail(fmt::format("state_dict.bin: compression_model_n_q is {}, the codec has {} codebooks (rvq.n_q): "
                            "set_num_codebooks asserts against it", *lm.compression_model_n_q, codec.num_codebooks));
  }
  const int64_t active = ActiveCodebooks(lm, codec);
  if (active == lm.num_codebooks) return Pass(active, lm.num_codebooks);
  return Fail(fmt::format("the language model generates {} codebooks (state_dict.bin: transformer_lm.n_q), the codec has {} "
                          "(compression_state_dict.bin: rvq.n_q is {}{}{}). {}. It is another codec than the one that the model "
                          "was trained with, or compression_model_n_q or interleave_stereo_codebooks was lost",
                          lm.num_codebooks, active, codec.num_codebooks,
                          lm.compression_model_n_q ? fmt::format(", compression_model_n_q is {}", *lm.compression_model_n_q) : "",
                          lm.interleave_stereo ? ", doubled for stereo" : "",
                          active < lm.num_codebooks ? "Decoding raises" : "It decodes, with codebooks missing: wrong sound, no error"),
              active, lm.num_codebooks);
}

Outcome Cardinality(Context&, const LmSpec& lm, const CodecSpec& codec) {
  if (lm.cardinality == codec.cardinality) return Pass(codec.cardinality, lm.cardinality);
  return Fail(fmt::format("the language model draws from {} codes (state_dict.bin: transformer_lm.card), the codec's codebooks "
                          "have {} entries (compression_state_dict.bin: rvq.bins). {}. It is another codec than the one that the "
                          "model was trained with",
                          lm.cardinality, codec.cardinality,
                          lm.cardinality > codec.cardinality ? "Codes beyond the codebook raise an IndexError when they come up"
                                                             : "It decodes with the wrong entries, without an error"),
              codec.cardinality, lm.cardinality);
}

// One number of the LM config that the codec must share.
std::optional<int64_t> LmNumber(Context& context, const char* key) {
  const auto value = context.exported().file(Role::kLanguageModel).config()->GetInt(key);
  return value.ok() ? std::optional(*value) : std::nullopt;
}

Outcome SampleRate(Context& context, const LmSpec&, const CodecSpec& codec) {
  const auto rate = LmNumber(context, "sample_rate");
  if (!rate) return Skip("state_dict.bin: the config has no sample_rate to compare with");
  if (*rate == codec.sample_rate_hz) return Pass(codec.sample_rate_hz, *rate);
  return Fail(fmt::format("the language model was trained at {} Hz (state_dict.bin: sample_rate), the codec is of {} Hz "
                          "(compression_state_dict.bin: encodec.sample_rate): the music plays at the wrong speed and pitch, "
                          "without an error", *rate, codec.sample_rate_hz),
              codec.sample_rate_hz, *rate);
}

Outcome FrameRate(Context& context, const LmSpec&, const CodecSpec& codec) {
  const int64_t hop = codec.encoder.hop_length();
  if (codec.sample_rate_hz % hop != 0) {
    return Fail(fmt::format("compression_state_dict.bin: seanet.ratios give a hop of {} samples, which does not divide {} Hz "
                            "(encodec.sample_rate): production rounds the frame rate down to {} Hz, and every duration is off",
                            hop, codec.sample_rate_hz, codec.frame_rate_hz()),
                codec.frame_rate_hz(), nullptr);
  }
  if (codec.decoder.hop_length() != hop) {
    return Fail(fmt::format("compression_state_dict.bin: the encoder's hop is {} samples, the decoder's {} (seanet.encoder.ratios, "
                            "seanet.decoder.ratios): a frame decodes to another length than it stands for",
                            hop, codec.decoder.hop_length()), codec.decoder.hop_length(), hop);
  }
  const std::string trained_on = TrainedOn(context);
  if (trained_on.starts_with(kPretrained)) {
    const KnownCodec* known = FindKnown(std::string_view(trained_on).substr(kPretrained.size()));
    if (known != nullptr && known->frame_rate_hz != codec.frame_rate_hz()) {
      return Fail(fmt::format("the codec has {} frames a second (compression_state_dict.bin: encodec.sample_rate / product of "
                              "seanet.ratios), the model was trained on {} with {} (state_dict.bin: compression_model_checkpoint): "
                              "wrong length and rhythm, without an error", codec.frame_rate_hz(), known->name, known->frame_rate_hz),
                  codec.frame_rate_hz(), known->frame_rate_hz);
    }
    if (known != nullptr) return Pass(codec.frame_rate_hz(), known->frame_rate_hz);
  }
  return Pass(codec.frame_rate_hz());
}

Outcome Stereo(Context& context, const LmSpec& lm, const CodecSpec& codec) {
  if (!lm.interleave_stereo) {
    const auto channels = LmNumber(context, "channels");
    if (channels && *channels == 2 && codec.channels == 1) {
      return Fail("the language model was trained on stereo (state_dict.bin: channels is 2), the codec is mono "
                  "(compression_state_dict.bin: encodec.channels) and interleave_stereo_codebooks.use is false: the flag was "
                  "lost, left and right are decoded as one signal. Set interleave_stereo_codebooks.use to true");
    }
    return Pass("not interleaved");
  }
  if (codec.channels != 1) {
    return Fail(fmt::format("state_dict.bin: interleave_stereo_codebooks.use is true, but the codec has {} channels "
                            "(compression_state_dict.bin: encodec.channels): the wrap asserts that it is mono", codec.channels));
  }
  if (!lm.stereo_per_timestep && lm.num_codebooks % 2 != 0) {
    return Fail(fmt::format("state_dict.bin: interleave_stereo_codebooks.use is true, but transformer_lm.n_q is {}: left and right "
                            "share the codebooks, so it must be even", lm.num_codebooks));
  }
  return Pass("interleaved");
}

Outcome Channels(Context& context, const LmSpec& lm, const CodecSpec& codec) {
  for (const auto* side : {&codec.encoder, &codec.decoder}) {
    if (side->channels != codec.channels) {
      return Fail(fmt::format("compression_state_dict.bin: encodec.channels is {}, seanet.channels is {}: production announces "
                              "one and decodes the other", codec.channels, side->channels), side->channels, codec.channels);
    }
  }
  const int64_t audio_channels = lm.interleave_stereo ? 2 : codec.channels;
  const auto channels = LmNumber(context, "channels");
  if (channels && *channels != audio_channels) {
    return Fail(fmt::format("the language model was trained on {} channels (state_dict.bin: channels), the decoded audio has {} "
                            "(compression_state_dict.bin: encodec.channels{})", *channels, audio_channels,
                            lm.interleave_stereo ? ", interleaved to stereo" : ""), audio_channels, *channels);
  }
  return Pass(audio_channels);
}

Outcome Delays(Context&, const LmSpec& lm, const CodecSpec&) {
  const std::string problem = harness::DelayProblem(lm.pattern, lm.num_codebooks);
  if (!problem.empty()) return Fail(fmt::format("state_dict.bin: {}. DelayedPatternProvider asserts against it when the model is built", problem));
  return Pass(lm.pattern.delays);
}

Outcome TrainedWith(Context& context, const LmSpec&, const CodecSpec& codec) {
  const std::string trained_on = TrainedOn(context);
  if (!trained_on.starts_with(kPretrained)) {
    return Pass(trained_on.empty() ? "the config names none" : trained_on);
  }
  const KnownCodec* known = FindKnown(std::string_view(trained_on).substr(kPretrained.size()));
  if (known == nullptr) return Pass(trained_on);
  if (known->sample_rate_hz != codec.sample_rate_hz || known->channels != codec.channels) {
    return Fail(fmt::format("the model was trained on {} ({} Hz, {} channels; state_dict.bin: compression_model_checkpoint), the "
                            "package holds a codec of {} Hz and {} channels (compression_state_dict.bin: encodec): another codec "
                            "decodes its codes to other sounds", known->name, known->sample_rate_hz, known->channels,
                            codec.sample_rate_hz, codec.channels));
  }
  return Pass(trained_on);
}

}  // namespace

std::vector<Check> CodecCompatibilityChecks() {
  std::vector<Check> checks = {{"codec_compatibility/reference", "Reference", {"state_dict_integrity/codec/package"}, CheckReference}};
  struct Row {
    const char* slug;
    const char* name;
    Judge judge;
    std::vector<std::string> after = {};  // what would make this one fail as well, and is the cause
  };
  const std::vector<Row> rows = {
      {"delays", "Delays", Delays},
      {"stereo", "Stereo", Stereo},
      {"codebooks", "Codebooks", Codebooks, {"stereo"}},
      {"cardinality", "Cardinality", Cardinality},
      {"sample_rate", "SampleRate", SampleRate},
      {"channels", "Channels", Channels, {"stereo"}},
      {"frame_rate", "FrameRate", FrameRate, {"sample_rate"}},
      {"trained_with", "TrainedWith", TrainedWith, {"sample_rate", "frame_rate", "channels"}},
  };
  for (const Row& row : rows) {
    Check check{std::string("codec_compatibility/") + row.slug, row.name,
                {"codec_compatibility/reference", "shape_config_agreement/language_model/options",
                 "shape_config_agreement/codec/options"},
                [judge = row.judge](Context& c) { return judge(c, *c.exported().lm_spec(), *c.exported().codec_spec()); }};
    for (const std::string& cause : row.after) check.needs.push_back("codec_compatibility/" + cause);
    checks.push_back(std::move(check));
  }
  return checks;
}

DEFINE_SUITE(CodecCompatibility, CodecCompatibilityChecks());

}  // namespace conformance
