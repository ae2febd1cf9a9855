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
using codec_checks::CodecCheck;
using codec_checks::kPretrained;
using harness::architecture::LmSpec;
using harness::exports::Role;

const std::optional<std::string>& GetReference(Context& context) {
  return context.exported().file(Role::kCodec).package()->pretrained;
}

// Precondition: codec_compatibility/reference passed, and the codec's options where it has a config of its own.
Codec DescribeCodec(Context& context) {
  const harness::exports::CodecDescription& description = *context.exported().codec();
  Codec codec{description, description.facts, description.facts.channels};
  if (const harness::architecture::CodecSpec* spec = description.encodec(); spec != nullptr) {
    codec.seanet_channels = spec->encoder.channels != spec->channels ? spec->encoder.channels : spec->decoder.channels;
  }
  return codec;
}

// CompressionModel.get_pretrained takes a DAC name, else a path that is there, else a model on the hub (ORG/NAME or
// NAME).
Outcome CheckReference(Context& context) {
  const auto& reference = GetReference(context);
  if (!reference) return Pass("own weights");
  if (reference->starts_with(kPretrained)) {
    return Fail(fmt::format("compression_state_dict.bin: pretrained is '{}': the prefix {} is for training configs. "
                            "CompressionModel.get_pretrained takes it as the name of a model on the hub, and fails",
                            *reference, kPretrained))
        .WithRemedy(fmt::format("Export again with export_pretrained_compression_model('{}')",
                                reference->substr(kPretrained.size())));
  }
  const auto& codec = context.exported().codec();
  if (!codec.ok()) return FromStatus(codec.error().In("compression_state_dict.bin"));
  Outcome outcome = Pass(*reference);
  const auto* known = harness::architecture::FindKnownCodec(*reference);
  if (known != nullptr && known->dac_weights)
    outcome.message = "whoever loads the export needs the package descript-audio-codec (import dac)";
  if (const auto* uncached = std::get_if<harness::exports::UncachedCodec>(&codec->source)) {
    outcome.message += (outcome.message.empty() ? "" : "; ") +
                       ("only the known properties of the codec are checked: " + uncached->why.message);
    outcome.remedy = uncached->why.remedy;
  }
  return outcome;
}

// There are weights to decode with: the package's own, or those that the reference leads to.
Outcome CheckCodecWeights(Context& context) {
  if (!GetReference(context)) {
    const Outcome& own = context.GetOutcome(ids::kUnexpected(Role::kCodec));
    return own.failed() ? Blocked(ids::kUnexpected(Role::kCodec)) : own;
  }
  const harness::exports::CodecDescription& description = *context.exported().codec();
  const auto* uncached = std::get_if<harness::exports::UncachedCodec>(&description.source);
  if (uncached == nullptr) return Pass(description.name);
  return Skip(reason::kNotInCache, uncached->why.message).WithRemedy(uncached->why.remedy);
}

// A reference has no config of its own; weights are judged by theirs. `causes`: what would make this one fail as well.
Outcome CheckWithCodec(Context& context, CodecCheck check, const std::vector<const char*>& causes) {
  const Outcome& reference = context.GetOutcome(ids::kReference);
  if (!reference.passed()) return reference;
  if (!GetReference(context)) {
    const std::string id = ids::kOptions(Role::kCodec);
    const Outcome& options = context.GetOutcome(id);
    if (options.failed()) return Blocked(id);
    if (!options.passed()) return options;
  }
  for (const char* cause : causes) {
    const Outcome& outcome = context.GetOutcome(cause);
    if (outcome.failed()) return Blocked(cause);
    if (outcome.status == harness::report::CheckStatus::kBlocked) return outcome;
  }
  return check(context, *context.exported().lm_spec(), DescribeCodec(context));
}

}  // namespace

std::vector<Check> ListCodecCompatibilityChecks() {
  const std::string options = ids::kOptions(Role::kLanguageModel);
  std::vector<Check> checks = {{ids::kReference, {ids::kPackage(Role::kCodec)}, CheckReference},
                               {ids::kDelays, {options}, codec_checks::CheckDelays}};
  struct Row {
    const char* id;
    CodecCheck evaluate;
    std::vector<const char*> causes = {};  // what would make this one fail as well, and is the cause
  };
  const Row rows[] = {
      {ids::kStereo, codec_checks::CheckStereo},
      {ids::kCodebooks, codec_checks::CheckCodebooks, {ids::kStereo}},
      {ids::kCardinality, codec_checks::CheckCardinality},
      {ids::kSampleRate, codec_checks::CheckSampleRate},
      {ids::kChannels, codec_checks::CheckChannels, {ids::kStereo}},
      {ids::kFrameRate, codec_checks::CheckFrameRate, {ids::kSampleRate}},
      {ids::kTrainedWith, codec_checks::CheckTrainedWith, {ids::kSampleRate, ids::kFrameRate, ids::kChannels}},
  };
  for (const Row& row : rows) {
    checks.push_back({row.id, {ids::kReference, options}, [row](Context& c) {
                        // The wrong reference is reported as such, and not by each of its numbers.
                        const bool named = c.GetOutcome(ids::kReference).passed() && GetReference(c) &&
                                           c.exported().codec()->is_named();
                        if (!named) return CheckWithCodec(c, row.evaluate, row.causes);
                        return CheckWithCodec(c, row.evaluate,
                                              row.evaluate == codec_checks::CheckTrainedWith
                                                  ? std::vector<const char*>{}
                                                  : std::vector<const char*>{ids::kTrainedWith});
                      }});
  }
  checks.push_back({ids::kWeights, {ids::kReference}, CheckCodecWeights});
  checks.back().requirement = "codec";
  return checks;
}

}  // namespace conformance
