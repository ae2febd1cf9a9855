// Category codec_compatibility: what nothing compares when a MusicGen is loaded. The trainer asserts some of it
// (audiocraft 1.3.0 solvers/musicgen.py); the loader none.
#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "conformance/checks/codec_compatibility/codec_checks.h"
#include "conformance/framework/context.h"
#include "conformance/framework/graph.h"
#include "harness/architecture/known_codecs.h"

namespace conformance {
namespace {

using codec_checks::Codec;
using codec_checks::Judge;
using harness::LmSpec;
using harness::Role;

const std::optional<std::string>& Reference(Context& context) {
  return context.exported().file(Role::kCodec).package()->pretrained;
}

// Precondition: codec_compatibility/reference passed, and the codec's options where it has a config of its own.
Codec Describe(Context& context) {
  const harness::CodecDescription& description = *context.exported().codec();
  Codec codec{description, description.facts, description.facts.channels};
  if (const harness::CodecSpec* spec = description.encodec(); spec != nullptr) {
    codec.seanet_channels = spec->encoder.channels != spec->channels ? spec->encoder.channels : spec->decoder.channels;
  }
  return codec;
}

// `compression_model_checkpoint` of the LM config: the codec that it was trained on; empty where it is not said.
std::string TrainedOn(Context& context) {
  const auto value = context.exported().file(Role::kLanguageModel).config()->GetString("compression_model_checkpoint");
  return value.ok() ? *value : "";
}

constexpr std::string_view kPretrained = "//pretrained/";

// CompressionModel.get_pretrained: a DAC name, else a path that is there, else a model on the hub (ORG/NAME or NAME).
Outcome CheckReference(Context& context) {
  const auto& reference = Reference(context);
  if (!reference) return Pass("own weights");
  if (reference->starts_with(kPretrained)) {
    return Fail(fmt::format("compression_state_dict.bin: pretrained is '{}': the prefix {} is for training configs, "
                            "CompressionModel.get_pretrained takes it as the name of a hub model and fails",
                            *reference, kPretrained))
        .WithRemedy(fmt::format("Export again with export_pretrained_compression_model('{}')",
                                reference->substr(kPretrained.size())));
  }
  const auto& codec = context.exported().codec();
  if (!codec.ok()) return FromStatus(codec.error().In("compression_state_dict.bin"));
  Outcome outcome = Pass(*reference);
  if (const auto* uncached = std::get_if<harness::UncachedCodec>(&codec->source)) {
    outcome.message =
        fmt::format("only its known properties are checked: {}. {}", uncached->why.message, uncached->why.remedy);
  }
  return outcome;
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
        "the model was trained on {0} ({1} Hz, {2:.6g} frames a second, {3} channel(s); state_dict.bin: "
        "compression_model_checkpoint), the package holds a codec of {4} Hz, {5:.6g} frames a second and {6} "
        "channel(s) "
        "(compression_state_dict.bin: encodec, seanet.ratios): another codec decodes its codes to other sounds. Export "
        "with export_pretrained_compression_model('{0}')",
        known->name, known->facts.sample_rate_hz, known->facts.frame_rate_hz, known->facts.channels,
        codec.facts.sample_rate_hz, codec.facts.frame_rate_hz, codec.facts.channels));
  }
  return Pass(trained_on);
}

// There are weights to decode with: the package's own, or those that the reference leads to.
Outcome Weights(Context& context) {
  if (!Reference(context)) {
    const Outcome& own = context.OutcomeOf(ids::kUnexpected(Role::kCodec));
    return own.failed() ? Blocked(ids::kUnexpected(Role::kCodec)) : own;
  }
  const harness::CodecDescription& description = *context.exported().codec();
  const auto* uncached = std::get_if<harness::UncachedCodec>(&description.source);
  if (uncached == nullptr) return Pass(description.name);
  return Skip(reason::kNotInCache, uncached->why.message).WithRemedy(uncached->why.remedy);
}

// A reference has no config of its own; weights are judged by theirs. `causes`: what would make this one fail as well.
Outcome WithCodec(Context& context, Judge judge, const std::vector<const char*>& causes) {
  const Outcome& reference = context.OutcomeOf(ids::kReference);
  if (!reference.passed()) return reference;
  if (!Reference(context)) {
    const std::string id = ids::kOptions(Role::kCodec);
    const Outcome& options = context.OutcomeOf(id);
    if (options.failed()) return Blocked(id);
    if (!options.passed()) return options;
  }
  for (const char* cause : causes) {
    const Outcome& outcome = context.OutcomeOf(cause);
    if (outcome.failed()) return Blocked(cause);
    if (outcome.status == harness::CheckStatus::kBlocked) return outcome;
  }
  return judge(context, *context.exported().lm_spec(), Describe(context));
}

}  // namespace

std::vector<Check> CodecCompatibilityChecks() {
  const std::string options = ids::kOptions(Role::kLanguageModel);
  std::vector<Check> checks = {{ids::kReference, {ids::kPackage(Role::kCodec)}, CheckReference},
                               {ids::kDelays, {options}, codec_checks::Delays}};
  struct Row {
    const char* id;
    Judge judge;
    std::vector<const char*> causes = {};  // what would make this one fail as well, and is the cause
  };
  const Row rows[] = {
      {ids::kStereo, codec_checks::Stereo},
      {ids::kCodebooks, codec_checks::Codebooks, {ids::kStereo}},
      {ids::kCardinality, codec_checks::Cardinality},
      {ids::kSampleRate, codec_checks::SampleRate},
      {ids::kChannels, codec_checks::Channels, {ids::kStereo}},
      {ids::kFrameRate, codec_checks::FrameRate, {ids::kSampleRate}},
      {ids::kTrainedWith, TrainedWith, {ids::kSampleRate, ids::kFrameRate, ids::kChannels}},
  };
  for (const Row& row : rows) {
    checks.push_back({row.id, {ids::kReference, options}, [row](Context& c) {
                        // The wrong reference is told as such, and not by each of its numbers.
                        const bool named =
                            c.OutcomeOf(ids::kReference).passed() && Reference(c) && c.exported().codec()->is_named();
                        if (!named) return WithCodec(c, row.judge, row.causes);
                        return WithCodec(c, row.judge,
                                         row.judge == TrainedWith ? std::vector<const char*>{}
                                                                  : std::vector<const char*>{ids::kTrainedWith});
                      }});
  }
  checks.push_back({ids::kWeights, {ids::kReference}, Weights});
  checks.back().requirement = "codec";
  return checks;
}

}  // namespace conformance
