// Category codec_compatibility: what nothing compares when a MusicGen is loaded. The trainer asserts some of it
// (audiocraft 1.3.0 solvers/musicgen.py); the loader none.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "conformance/context.h"
#include "conformance/suite.h"
#include "harness/export/codec_description.h"
#include "harness/spec/known_codecs.h"

namespace conformance {
namespace {

using harness::LmSpec;
using harness::Role;

// A codec to hold a language model against, whatever it is.
struct Codec {
  const harness::CodecDescription& description;
  const harness::CodecFacts& facts;
  int64_t seanet_channels = 0;  // what it decodes, where that is another number than it announces

  // A model of the hub or DAC: told by its name, not by its config.
  bool is_named() const { return description.kind != Kind::kOwn && description.kind != Kind::kPackage; }
  std::string From(const char* key) const { return description.From(key); }
  using Kind = harness::CodecDescription::Kind;
};

const std::optional<std::string>& Reference(Context& context) {
  return context.exported().file(Role::kCodec).package()->pretrained;
}

// Precondition: codec_compatibility/reference passed, and the codec's options where it has a config of its own.
Codec Describe(Context& context) {
  const harness::CodecDescription& description = *context.exported().codec();
  Codec codec{description, description.facts, description.facts.channels};
  const harness::CodecSpec* spec = description.kind == Codec::Kind::kOwn ? &*context.exported().codec_spec()
                                   : description.encodec                 ? &*description.encodec
                                                                         : nullptr;
  if (spec != nullptr) {
    codec.seanet_channels = spec->encoder.channels != spec->channels ? spec->encoder.channels : spec->decoder.channels;
  }
  return codec;
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
  const auto& codec = context.exported().codec();
  if (!codec.ok()) {
    const std::string message = fmt::format("compression_state_dict.bin: {}", codec.error().message);
    return codec.error().code == harness::ErrorCode::kUnsupported ? Skip("unsupported here: " + message)
                                                                  : Fail(message);
  }
  Outcome outcome = Pass(*reference);
  if (!codec->not_run.empty()) outcome.message = "only its known properties are checked: " + codec->not_run;
  return outcome;
}

using Judge = Outcome (*)(Context&, const LmSpec&, const Codec&);

// The one key that would make the numbers of codebooks agree, where there is one; else what was exported wrongly.
std::string EditForCodebooks(const LmSpec& lm, const Codec& codec, int64_t active, bool mono) {
  const std::string other = "the codec is another one than the model was trained with: export that one";
  if (lm.num_codebooks == 2 * active && !lm.interleave_stereo && codec.facts.channels == 1 && !mono) {
    return "interleave_stereo_codebooks.use: true in state_dict.bin would make them agree, if the model is stereo; "
           "if not, " +
           other;
  }
  if (lm.interleave_stereo && !lm.stereo_per_timestep && active == 2 * lm.num_codebooks) {
    return "interleave_stereo_codebooks.per_timestep: true (left and right in turn), or .use: false (mono), in "
           "state_dict.bin would make them agree: set what the model was trained with";
  }
  const int64_t wanted = lm.num_codebooks / (lm.interleave_stereo && !lm.stereo_per_timestep ? 2 : 1);
  if (wanted <= codec.facts.codebooks && harness::WithCodebooks(codec.facts, wanted).ok()) {
    return fmt::format("compression_model_n_q: {} in state_dict.bin would make them agree; if that is not it, {}",
                       wanted, other);
  }
  return "T" + other.substr(1);
}

Outcome Codebooks(Context& context, const LmSpec& lm, const Codec& codec) {
  if (lm.compression_model_n_q &&
      (*lm.compression_model_n_q < 1 || *lm.compression_model_n_q > codec.facts.codebooks)) {
    return Fail(
        fmt::format("state_dict.bin: compression_model_n_q is {}, the codec has {} codebooks ({}): set_num_codebooks "
                    "asserts against it. Set it to what the model was trained with, or to null for all of them",
                    *lm.compression_model_n_q, codec.facts.codebooks, codec.From("rvq.n_q")));
  }
  if (lm.compression_model_n_q && !harness::WithCodebooks(codec.facts, *lm.compression_model_n_q).ok()) {
    return Fail(fmt::format(
        "state_dict.bin: compression_model_n_q is {}, the bandwidths of the codec allow {} codebooks ({}): "
        "set_num_codebooks raises ValueError. Set it to what the model was trained with",
        *lm.compression_model_n_q, fmt::join(codec.facts.possible_codebooks, " or "), codec.From("rvq.n_q")));
  }
  const bool doubled = lm.interleave_stereo && !lm.stereo_per_timestep;
  const int64_t active = lm.compression_model_n_q.value_or(codec.facts.codebooks) * (doubled ? 2 : 1);
  if (active == lm.num_codebooks) return Pass(active, lm.num_codebooks);
  const char* consequence = doubled                     ? "Decoding raises AssertionError"
                            : active < lm.num_codebooks ? "Decoding raises, or leaves codebooks out"
                                                        : "It decodes, with codebooks missing: wrong sound, no error";
  return Fail(
      fmt::format(
          "the language model generates {} codebooks (state_dict.bin: transformer_lm.n_q), the codec has {} "
          "({}: {}{}{}). {}. {}",
          lm.num_codebooks, active, codec.From("rvq.n_q"), codec.facts.codebooks,
          lm.compression_model_n_q ? fmt::format("; compression_model_n_q is {}", *lm.compression_model_n_q) : "",
          doubled ? "; doubled for stereo" : "", consequence,
          EditForCodebooks(lm, codec, active, LmNumber(context, "channels") == 1)),
      active, lm.num_codebooks);
}

Outcome Cardinality(Context&, const LmSpec& lm, const Codec& codec) {
  if (lm.cardinality == codec.facts.cardinality) return Pass(codec.facts.cardinality, lm.cardinality);
  return Fail(
      fmt::format("the language model draws from {} codes (state_dict.bin: transformer_lm.card), the codec's codebooks "
                  "have {} entries ({}). {}. It is another codec than the one that the model was trained with: export "
                  "that one",
                  lm.cardinality, codec.facts.cardinality, codec.From("rvq.bins"),
                  lm.cardinality > codec.facts.cardinality
                      ? "Codes beyond the codebook raise an IndexError when they come up"
                      : "It decodes with the wrong entries, without an error"),
      codec.facts.cardinality, lm.cardinality);
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
            *channels,
            audio_channels == 1   ? "one channel"
            : audio_channels == 2 ? "two channels"
                                  : fmt::format("{} channels", audio_channels),
            codec.From("encodec.channels"), lm.interleave_stereo ? ", interleaved to stereo" : ""),
        audio_channels, *channels);
  }
  Outcome outcome = Pass(audio_channels);
  if (codec.facts.encode_gives_scale) {
    outcome.message =
        "the codec normalises the volume (renormalize, or normalize of a hub model) and gives a scale beside the "
        "codes: "
        "MusicGen.generate_continuation asserts that there is none. Generation from texts is not affected";
  }
  return outcome;
}

Outcome CheckDelays(Context& context) {
  const LmSpec& lm = *context.exported().lm_spec();
  const std::string problem = harness::PatternProblem(lm.pattern, lm.num_codebooks);
  if (problem.empty()) return Pass(lm.pattern.delays);
  // What musicgen's own configs have, where that is not it already.
  std::string usual;
  if (lm.pattern.kind == harness::PatternSpec::Kind::kDelay) {
    const int64_t share = lm.interleave_stereo && !lm.stereo_per_timestep ? 2 : 1;
    std::vector<int64_t> delays;
    for (int64_t k = 0; k < std::min<int64_t>(lm.num_codebooks, 64); ++k) delays.push_back(k / share);
    usual =
        fmt::format("; for a {} model they usually are [{}]", share == 2 ? "stereo" : "mono", fmt::join(delays, ", "));
  }
  return Fail(
      fmt::format("state_dict.bin: {}. The pattern provider asserts against it when the model is built, without a "
                  "message. Set what the model was trained with{}",
                  problem, usual));
}

// Own weights can't be told apart by name: their rates and channels are held against what the trained-on codec has.
Outcome TrainedWith(Context& context, const LmSpec&, const Codec& codec) {
  const std::string trained_on = TrainedOn(context);
  if (!trained_on.starts_with(kPretrained)) return Pass(trained_on.empty() ? "the config names none" : trained_on);
  const std::string name = trained_on.substr(kPretrained.size());
  if (codec.is_named()) {
    if (codec.description.name == name) return Pass(name, name);
    return Fail(
        fmt::format(
            "compression_state_dict.bin refers to {}, the model was trained on {} (state_dict.bin: "
            "compression_model_checkpoint): another codec decodes its codes to other sounds, or not at all. Export "
            "with export_pretrained_compression_model('{}')",
            codec.description.name, name, name),
        codec.description.name, name);
  }
  const harness::KnownCodec* known = harness::FindKnownCodec(name);
  if (known == nullptr) return Pass(trained_on);
  if (known->facts.sample_rate_hz != codec.facts.sample_rate_hz || known->facts.channels != codec.facts.channels ||
      known->facts.frame_rate_hz != codec.facts.frame_rate_hz) {
    return Fail(fmt::format(
        "the model was trained on {} ({} Hz, {} frames a second, {} channels; state_dict.bin: "
        "compression_model_checkpoint), the package holds a codec of {} Hz, {} frames a second and {} channels "
        "(compression_state_dict.bin: encodec, seanet.ratios): another codec decodes its codes to other sounds",
        known->name, known->facts.sample_rate_hz, known->facts.frame_rate_hz, known->facts.channels,
        codec.facts.sample_rate_hz, codec.facts.frame_rate_hz, codec.facts.channels));
  }
  return Pass(trained_on);
}

// There are weights to decode with: the package's own, or those that the reference leads to.
Outcome Weights(Context& context) {
  if (!Reference(context)) {
    const Outcome& own = context.Evaluate("shape_config_agreement/codec/unexpected");
    return own.status == harness::CheckStatus::kFail ? Blocked("shape_config_agreement/codec/unexpected") : own;
  }
  const harness::CodecDescription& description = *context.exported().codec();
  return description.not_run.empty() ? Pass(description.name) : Skip(description.not_run);
}

// A reference has no config of its own; weights are judged by theirs.
Outcome WithCodec(Context& context, Judge judge, const std::vector<std::string>& causes) {
  const Outcome& reference = context.Evaluate("codec_compatibility/reference");
  if (reference.status != harness::CheckStatus::kPass) return reference;
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
  return judge(context, *context.exported().lm_spec(), Describe(context));
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
           const bool named = c.Evaluate("codec_compatibility/reference").status == harness::CheckStatus::kPass &&
                              Reference(c) && c.exported().codec()->kind != Codec::Kind::kPackage;
           if (!named) return WithCodec(c, row.judge, row.causes);
           return WithCodec(
               c, row.judge,
               row.judge == TrainedWith ? std::vector<std::string>{} : std::vector<std::string>{"trained_with"});
         }});
  }
  checks.push_back({"codec_compatibility/weights", "Weights", {reference}, Weights});
  return checks;
}

DEFINE_SUITE(CodecCompatibility, CodecCompatibilityChecks());

}  // namespace conformance
