// Category codec_compatibility: what nothing compares when a MusicGen is loaded. The trainer asserts some of it
// (audiocraft 1.3.0 solvers/musicgen.py); the loader none.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "conformance/context.h"
#include "conformance/suite.h"
#include "harness/spec/option_reader.h"

namespace conformance {
namespace {

using harness::LmSpec;
using harness::Role;

// What must be known of a codec to hold a language model against it.
struct CodecFacts {
  std::string name;    // of a reference; empty: the package holds the weights
  std::string source;  // "compression_state_dict.bin: rvq.bins" is source + key; a reference has one source for all
  int64_t sample_rate_hz = 0, frame_rate_hz = 0, channels = 0, codebooks = 0, cardinality = 0;
  int64_t encoder_hop = 0, decoder_hop = 0, seanet_channels = 0;

  bool is_reference() const { return !name.empty(); }
  // Where a number comes from: the key of the package's config, or the reference.
  std::string From(const char* key) const {
    return is_reference() ? fmt::format("{}, which compression_state_dict.bin refers to", name)
                          : fmt::format("compression_state_dict.bin: {}", key);
  }
};

// Codecs that a reference or `compression_model_checkpoint` can name, with what their own configs say.
// Source: config.json of each model on the hub, and models/encodec.py HFEncodecCompressionModel, which takes as many
// codebooks as the largest bandwidth holds; descript-audio-codec 1.0.0, dac/model/dac.py.
struct KnownCodec {
  std::string_view name;
  int64_t sample_rate_hz, frame_rate_hz, channels, codebooks, cardinality;
};
constexpr std::array kKnownCodecs = {
    KnownCodec{"facebook/encodec_24khz", 24000, 75, 1, 32, 1024},
    KnownCodec{"facebook/encodec_32khz", 32000, 50, 1, 4, 2048},
    KnownCodec{"facebook/encodec_48khz", 48000, 150, 2, 16, 1024},
    KnownCodec{"dac_44khz", 44100, 86, 1, 9, 1024},
    KnownCodec{"dac_24khz", 24000, 75, 1, 32, 1024},
};

const KnownCodec* FindKnown(std::string_view name) {
  for (const KnownCodec& codec : kKnownCodecs) {
    if (codec.name == name) return &codec;
  }
  return nullptr;
}

const std::optional<std::string>& Reference(Context& context) {
  return context.exported().file(Role::kCodec).package()->pretrained;
}

// Precondition: codec_compatibility/reference passed, and the codec's options where it has a config of its own.
CodecFacts Facts(Context& context) {
  CodecFacts facts;
  if (const auto& reference = Reference(context)) {
    const KnownCodec& known = *FindKnown(*reference);
    facts.name = *reference;
    facts.sample_rate_hz = known.sample_rate_hz;
    facts.frame_rate_hz = known.frame_rate_hz;
    facts.channels = facts.seanet_channels = known.channels;
    facts.codebooks = known.codebooks;
    facts.cardinality = known.cardinality;
    facts.encoder_hop = facts.decoder_hop = 1;
    return facts;
  }
  const harness::CodecSpec& spec = *context.exported().codec_spec();
  facts.sample_rate_hz = spec.sample_rate_hz;
  facts.frame_rate_hz = spec.frame_rate_hz();
  facts.channels = spec.channels;
  facts.codebooks = spec.num_codebooks;
  facts.cardinality = spec.cardinality;
  facts.encoder_hop = spec.encoder.hop_length();
  facts.decoder_hop = spec.decoder.hop_length();
  facts.seanet_channels = spec.encoder.channels != spec.channels ? spec.encoder.channels : spec.decoder.channels;
  return facts;
}

// `compression_model_checkpoint` of the LM config: the codec that it was trained on; empty where it is not said.
std::string TrainedOn(Context& context) {
  const auto value = context.exported().file(Role::kLanguageModel).config()->GetString("compression_model_checkpoint");
  return value.ok() ? *value : "";
}

// One number of the LM config that the codec must share.
std::optional<int64_t> LmNumber(Context& context, const char* key) {
  const auto value = context.exported().file(Role::kLanguageModel).config()->GetInt(key);
  return value.ok() ? std::optional(*value) : std::nullopt;
}

constexpr std::string_view kPretrained = "//pretrained/";

// CompressionModel.get_pretrained: a DAC name, else a path that is there, else a model on the hub (ORG/NAME or NAME).
Outcome CheckReference(Context& context) {
  const auto& reference = Reference(context);
  if (!reference) return Pass("own weights");
  if (reference->starts_with(kPretrained)) {
    return Fail(
        fmt::format("compression_state_dict.bin: pretrained is '{}': the prefix {} is for training configs, "
                    "CompressionModel.get_pretrained takes it as the name of a hub model and fails. Export again with "
                    "export_pretrained_compression_model('{}')",
                    *reference, kPretrained, reference->substr(kPretrained.size())));
  }
  if (FindKnown(*reference) != nullptr) return Pass(*reference);
  std::error_code error;
  if (std::filesystem::exists(*reference, error)) {
    return Skip(
        fmt::format("unsupported here: the codec is a reference to the path '{}', which this suite does not follow yet",
                    *reference));
  }
  std::vector<std::string> names;
  for (const KnownCodec& codec : kKnownCodecs) names.emplace_back(codec.name);
  if (const auto near = harness::Nearest(*reference, names)) {
    return Fail(fmt::format("compression_state_dict.bin: pretrained is '{}', which is no codec: did you mean '{}'?",
                            *reference, *near));
  }
  const auto slashes = std::count(reference->begin(), reference->end(), '/');
  if (slashes > 1 || reference->starts_with('/') || reference->starts_with('.') || reference->starts_with('~')) {
    return Fail(fmt::format(
        "compression_state_dict.bin: pretrained is the path '{}', which is not there: a path of the machine that "
        "trained the model? Export with export_encodec, which puts the weights into the file, or refer to a "
        "codec on the hub",
        *reference));
  }
  return Skip(
      fmt::format("unsupported here: the codec is a reference to '{}', which this suite does not know", *reference));
}

using Judge = Outcome (*)(Context&, const LmSpec&, const CodecFacts&);

Outcome Codebooks(Context&, const LmSpec& lm, const CodecFacts& codec) {
  if (lm.compression_model_n_q && (*lm.compression_model_n_q < 1 || *lm.compression_model_n_q > codec.codebooks)) {
    return Fail(
        fmt::format("state_dict.bin: compression_model_n_q is {}, the codec has {} codebooks ({}): set_num_codebooks "
                    "asserts against it",
                    *lm.compression_model_n_q, codec.codebooks, codec.From("rvq.n_q")));
  }
  const bool doubled = lm.interleave_stereo && !lm.stereo_per_timestep;
  const int64_t active = lm.compression_model_n_q.value_or(codec.codebooks) * (doubled ? 2 : 1);
  if (active == lm.num_codebooks) return Pass(active, lm.num_codebooks);
  return Fail(
      fmt::format(
          "the language model generates {} codebooks (state_dict.bin: transformer_lm.n_q), the codec has {} "
          "({}: {}{}{}). {}. It is another codec than the one that the model was trained with, or "
          "compression_model_n_q or interleave_stereo_codebooks was lost",
          lm.num_codebooks, active, codec.From("rvq.n_q"), codec.codebooks,
          lm.compression_model_n_q ? fmt::format("; compression_model_n_q is {}", *lm.compression_model_n_q) : "",
          doubled ? "; doubled for stereo" : "",
          active < lm.num_codebooks ? "Decoding raises, or leaves codebooks out"
                                    : "It decodes, with codebooks missing: wrong sound, no error"),
      active, lm.num_codebooks);
}

Outcome Cardinality(Context&, const LmSpec& lm, const CodecFacts& codec) {
  if (lm.cardinality == codec.cardinality) return Pass(codec.cardinality, lm.cardinality);
  return Fail(
      fmt::format("the language model draws from {} codes (state_dict.bin: transformer_lm.card), the codec's codebooks "
                  "have {} entries ({}). {}. It is another codec than the one that the model was trained with",
                  lm.cardinality, codec.cardinality, codec.From("rvq.bins"),
                  lm.cardinality > codec.cardinality ? "Codes beyond the codebook raise an IndexError when they come up"
                                                     : "It decodes with the wrong entries, without an error"),
      codec.cardinality, lm.cardinality);
}

Outcome SampleRate(Context& context, const LmSpec&, const CodecFacts& codec) {
  const auto rate = LmNumber(context, "sample_rate");
  if (!rate) return Pass("the config of the language model has no sample_rate to compare with");
  if (*rate == codec.sample_rate_hz) return Pass(codec.sample_rate_hz, *rate);
  return Fail(
      fmt::format(
          "the language model was trained at {} Hz (state_dict.bin: sample_rate), the codec is of {} Hz ({}): the "
          "music plays at the wrong speed and pitch, without an error",
          *rate, codec.sample_rate_hz, codec.From("encodec.sample_rate")),
      codec.sample_rate_hz, *rate);
}

Outcome FrameRate(Context&, const LmSpec&, const CodecFacts& codec) {
  if (codec.sample_rate_hz % codec.encoder_hop != 0) {
    return Fail(
        fmt::format("compression_state_dict.bin: seanet.ratios give a hop of {} samples, which does not divide {} Hz "
                    "(encodec.sample_rate): production rounds the frame rate down to {} Hz, and every duration is off",
                    codec.encoder_hop, codec.sample_rate_hz, codec.frame_rate_hz),
        codec.frame_rate_hz);
  }
  if (codec.decoder_hop != codec.encoder_hop) {
    return Fail(
        fmt::format(
            "compression_state_dict.bin: the encoder's hop is {} samples, the decoder's {} (seanet.encoder.ratios, "
            "seanet.decoder.ratios): a frame decodes to another length than it stands for",
            codec.encoder_hop, codec.decoder_hop),
        codec.decoder_hop, codec.encoder_hop);
  }
  return Pass(codec.frame_rate_hz);
}

Outcome Stereo(Context& context, const LmSpec& lm, const CodecFacts& codec) {
  if (!lm.interleave_stereo) {
    const auto channels = LmNumber(context, "channels");
    if (channels && *channels == 2 && codec.channels == 1) {
      return Fail(fmt::format(
          "the language model was trained on stereo (state_dict.bin: channels is 2), the codec is mono ({} is 1) and "
          "interleave_stereo_codebooks.use is false: the flag was lost, left and right are decoded as one "
          "signal. Set interleave_stereo_codebooks.use to true",
          codec.From("encodec.channels")));
    }
    return Pass("not interleaved");
  }
  if (codec.channels != 1) {
    return Fail(fmt::format(
        "state_dict.bin: interleave_stereo_codebooks.use is true, but the codec has {} channels ({}): the wrap "
        "asserts that it is mono",
        codec.channels, codec.From("encodec.channels")));
  }
  if (!lm.stereo_per_timestep && lm.num_codebooks % 2 != 0) {
    return Fail(fmt::format(
        "state_dict.bin: interleave_stereo_codebooks.use is true, but transformer_lm.n_q is {}: left and right "
        "share the codebooks, so it must be even",
        lm.num_codebooks));
  }
  return Pass("interleaved");
}

Outcome Channels(Context& context, const LmSpec& lm, const CodecFacts& codec) {
  if (codec.seanet_channels != codec.channels) {
    return Fail(
        fmt::format(
            "compression_state_dict.bin: encodec.channels is {}, seanet.channels is {}: production announces one and "
            "decodes the other",
            codec.channels, codec.seanet_channels),
        codec.seanet_channels, codec.channels);
  }
  const int64_t audio_channels = lm.interleave_stereo ? 2 : codec.channels;
  const auto channels = LmNumber(context, "channels");
  if (channels && *channels != audio_channels) {
    return Fail(
        fmt::format(
            "the language model was trained on {} channels (state_dict.bin: channels), the decoded audio has {} ({}{})",
            *channels, audio_channels, codec.From("encodec.channels"),
            lm.interleave_stereo ? ", interleaved to stereo" : ""),
        audio_channels, *channels);
  }
  return Pass(audio_channels);
}

Outcome CheckDelays(Context& context) {
  const LmSpec& lm = *context.exported().lm_spec();
  const std::string problem = harness::PatternProblem(lm.pattern, lm.num_codebooks);
  if (problem.empty()) return Pass(lm.pattern.delays);
  return Fail(
      fmt::format("state_dict.bin: {}. The pattern provider asserts against it when the model is built", problem));
}

// Own weights can't be told apart by name: their rates and channels are held against what the trained-on codec has.
Outcome TrainedWith(Context& context, const LmSpec&, const CodecFacts& codec) {
  const std::string trained_on = TrainedOn(context);
  if (!trained_on.starts_with(kPretrained)) return Pass(trained_on.empty() ? "the config names none" : trained_on);
  const std::string name = trained_on.substr(kPretrained.size());
  if (codec.is_reference()) {
    if (codec.name == name) return Pass(name, name);
    return Fail(
        fmt::format(
            "compression_state_dict.bin refers to {}, the model was trained on {} (state_dict.bin: "
            "compression_model_checkpoint): another codec decodes its codes to other sounds, or not at all. Export "
            "with export_pretrained_compression_model('{}')",
            codec.name, name, name),
        codec.name, name);
  }
  const KnownCodec* known = FindKnown(name);
  if (known == nullptr) return Pass(trained_on);
  if (known->sample_rate_hz != codec.sample_rate_hz || known->channels != codec.channels ||
      known->frame_rate_hz != codec.frame_rate_hz) {
    return Fail(fmt::format(
        "the model was trained on {} ({} Hz, {} frames a second, {} channels; state_dict.bin: "
        "compression_model_checkpoint), the package holds a codec of {} Hz, {} frames a second and {} channels "
        "(compression_state_dict.bin: encodec, seanet.ratios): another codec decodes its codes to other sounds",
        known->name, known->sample_rate_hz, known->frame_rate_hz, known->channels, codec.sample_rate_hz,
        codec.frame_rate_hz, codec.channels));
  }
  return Pass(trained_on);
}

// A reference has no config of its own; weights are judged by theirs.
Outcome WithFacts(Context& context, Judge judge, const std::vector<std::string>& causes) {
  if (!Reference(context)) {
    const Outcome& options = context.Evaluate("shape_config_agreement/codec/options");
    if (options.status == harness::CheckStatus::kFail) return Blocked("shape_config_agreement/codec/options");
    if (options.status != harness::CheckStatus::kPass) return options;
  }
  for (const std::string& cause : causes) {
    const Outcome& outcome = context.Evaluate("codec_compatibility/" + cause);
    if (outcome.status == harness::CheckStatus::kFail) return Blocked("codec_compatibility/" + cause);
    if (outcome.status == harness::CheckStatus::kBlocked) return outcome;
  }
  return judge(context, *context.exported().lm_spec(), Facts(context));
}

}  // namespace

std::vector<Check> CodecCompatibilityChecks() {
  const std::string options = "shape_config_agreement/language_model/options";
  const std::string reference = "codec_compatibility/reference";
  std::vector<Check> checks = {{reference, "Reference", {"state_dict_integrity/codec/package"}, CheckReference},
                               {"codec_compatibility/delays", "Delays", {options}, CheckDelays}};
  struct Row {
    const char* slug;
    const char* name;
    Judge judge;
    std::vector<std::string> causes = {};  // what would make this one fail as well, and is the cause
  };
  const std::vector<Row> rows = {
      {"stereo", "Stereo", Stereo},
      {"codebooks", "Codebooks", Codebooks, {"stereo"}},
      {"cardinality", "Cardinality", Cardinality},
      {"sample_rate", "SampleRate", SampleRate},
      {"channels", "Channels", Channels, {"stereo"}},
      {"frame_rate", "FrameRate", FrameRate, {"sample_rate"}},
      {"trained_with", "TrainedWith", TrainedWith, {"sample_rate", "frame_rate", "channels"}},
  };
  for (const Row& row : rows) {
    checks.push_back(
        {std::string("codec_compatibility/") + row.slug, row.name, {reference, options}, [row](Context& c) {
           // The wrong reference is told as such, and not by each of its numbers.
           const bool by_name = Reference(c) && row.judge != TrainedWith;
           return WithFacts(c, row.judge,
                            by_name ? std::vector<std::string>{"trained_with"}
                                    : (Reference(c) ? std::vector<std::string>{} : row.causes));
         }});
  }
  return checks;
}

DEFINE_SUITE(CodecCompatibility, CodecCompatibilityChecks());

}  // namespace conformance
