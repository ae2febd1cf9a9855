// The codec against the one that the language model was trained with: by name, by what is known of that name, and by the
// weights, where these are at hand. Two codecs of one shape load alike, and the wrong one turns codes into other sounds.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

#include "conformance/checks/codec_compatibility/codec_checks.h"
#include "harness/architecture/known_codecs.h"
#include "harness/export/codec_references.h"
#include "harness/export/compare_codecs.h"
#include "harness/export/follow_reference.h"

namespace conformance::codec_checks {
namespace {

using harness::Result;
using harness::architecture::LmSpec;
using harness::exports::CodecComparison;
using harness::exports::CodecDescription;
using harness::exports::Role;
using nlohmann::json;

constexpr const char* kGroups[] = {"encoder", "decoder", "quantizer"};

json ToJson(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

// Where what is compared with comes from, for messages.
struct Trained {
  std::string name;
  std::string key;
};

json Measure(const CodecComparison& comparison, const Trained& trained) {
  json measured = {{"trained_with", trained.name}};
  for (const char* group : kGroups) {
    if (comparison.tensors.empty()) break;
    measured[group] = {{"correlation", ToJson(comparison.Correlation(group))},
                       {"relative_change", ToJson(comparison.RelativeChange(group))}};
  }
  return measured;
}

std::string DescribeAnother(const CodecComparison& comparison) {
  if (!comparison.other_architecture.empty()) return comparison.other_architecture;
  if (comparison.Correlation("encoder") < harness::exports::kUnrelatedCorrelation) {
    return fmt::format(
        "the weights of its encoder have the shapes of that codec's and nothing else in common "
        "(correlation {:.2g}, expected {:.1g} to 1)",
        comparison.Correlation("encoder"), harness::exports::kUnrelatedCorrelation);
  }
  return fmt::format("the encoder is that codec's, but these codebooks have nothing in common with it: {}",
                     harness::architecture::FoldNames(comparison.UnrelatedCodebooks()));
}

Outcome Judge(const CodecComparison& comparison, const Trained& trained) {
  json measured = Measure(comparison, trained);
  if (comparison.IsAnotherModel()) {
    return Fail(fmt::format("compression_state_dict.bin: is not the codec {} that the model was trained with ({}): {}. "
                            "audiocraft compares no weights: the language model's codes become other sounds",
                            trained.name, trained.key, DescribeAnother(comparison)),
                std::move(measured), {{"correlation", harness::exports::kUnrelatedCorrelation}})
        .WithRemedy(kExportTrainedCodec);
  }
  if (!comparison.other_options.empty()) {
    return Fail(fmt::format(
                    "compression_state_dict.bin: has the weights of the codec {} that the model was trained with "
                    "({}), under another config: {}. Nothing compares them: the same codes sound different",
                    trained.name, trained.key, fmt::join(comparison.other_options, "; ")),
                std::move(measured))
        .WithRemedy("Set what that codec has, or export it again");
  }
  Outcome outcome = Pass(std::move(measured), {{"correlation", harness::exports::kUnrelatedCorrelation}});
  if (comparison.SameBits()) {
    outcome.measured["weights"] = "the same bits";
  } else if (const auto type = comparison.SameUpTo()) {
    outcome.measured["weights"] = "the same up to " + *type;
  } else {
    const harness::exports::ComparedTensor* most = comparison.MostChanged();
    outcome.measured["weights"] = "changed";
    outcome.message = fmt::format(
        "the codec's weights differ from those of {} ({}): by {:.2g} of their size in the "
        "encoder, {:.2g} in the decoder, {:.2g} in the codebooks{}",
        trained.name, trained.key, comparison.RelativeChange("encoder"), comparison.RelativeChange("decoder"),
        comparison.RelativeChange("quantizer"),
        most != nullptr ? fmt::format("; most in {} ({:.2g})", most->name, most->relative_change) : "");
    outcome.remedy = "If the codec was not fine-tuned, export the one that the model was trained with";
  }
  return outcome;
}

// Of the profile: a file, a folder or a name. What can't be read is the setting's fault.
Result<CodecDescription> FollowSetting(Context& context, const std::string& given) {
  const std::filesystem::path path = ResolveInput(given);
  std::error_code error;
  harness::exports::CodecPlaces places = harness::exports::FindCodecPlaces(context.exported().hub());
  return harness::exports::FollowReference(std::filesystem::exists(path, error) ? path.string() : given, places);
}

Outcome NotCompared(const std::string& why, std::string remedy) {
  Outcome outcome = Pass("not compared");
  outcome.message =
      fmt::format("the codec's weights are not compared with those that the model was trained with: {}", why);
  outcome.remedy = std::move(remedy);
  return outcome;
}

// `compression_model_checkpoint` of the LM config: the codec that it was trained on; empty where it is not said.
std::string ReadTrainedOn(Context& context) {
  const auto value = context.exported().file(Role::kLanguageModel).config()->GetString("compression_model_checkpoint");
  return value.ok() ? *value : "";
}

// Own weights can't be told apart by name: their rates and channels are held against what the trained-on codec has.
Outcome CheckTrainedReference(const std::string& trained_on, const Codec& codec) {
  if (!trained_on.starts_with(kPretrained)) return Pass(trained_on.empty() ? "the config names none" : trained_on);
  const std::string name = trained_on.substr(kPretrained.size());
  const std::string export_again = fmt::format("Export with export_pretrained_compression_model('{}')", name);
  if (codec.is_named()) {
    if (codec.description.name == name) return Pass(name, name);
    return Fail(fmt::format("compression_state_dict.bin: pretrained is '{}', but the model was trained on '{}' "
                            "(state_dict.bin: compression_model_checkpoint). Another codec decodes its codes to other "
                            "sounds, or not at all",
                            codec.description.name, name),
                codec.description.name, name)
        .WithRemedy(export_again);
  }
  const harness::architecture::KnownCodec* known = harness::architecture::FindKnownCodec(name);
  if (known == nullptr) return Pass(trained_on);
  if (known->facts.sample_rate_hz != codec.facts.sample_rate_hz || known->facts.channels != codec.facts.channels ||
      known->facts.frame_rate_hz != codec.facts.frame_rate_hz) {
    return Fail(
               fmt::format("compression_state_dict.bin: the codec has {4} Hz, {5:.6g} frames a second and {6} "
                           "channel(s) (encodec, seanet.ratios), but the model was trained on {0}, which has {1} Hz, "
                           "{2:.6g} frames a second and {3} channel(s) (state_dict.bin: compression_model_checkpoint). "
                           "Another codec decodes its codes to other sounds",
                           known->name, known->facts.sample_rate_hz, known->facts.frame_rate_hz, known->facts.channels,
                           codec.facts.sample_rate_hz, codec.facts.frame_rate_hz, codec.facts.channels))
        .WithRemedy(export_again);
  }
  return Pass(trained_on);
}

// Nothing where there is nothing to compare.
std::optional<Outcome> CheckTrainedWeights(Context& context, const std::string& trained_on, const LmSpec& lm) {
  const auto& setting = context.profile().trained_with_codec;
  if (!setting && !trained_on.starts_with(kPretrained)) return std::nullopt;
  if (!context.GetOutcome(ids::kWeights).passed()) return std::nullopt;
  const CodecDescription& packed = *context.exported().codec();
  const std::string name = setting ? *setting : trained_on.substr(kPretrained.size());
  const Trained trained{name,
                        setting ? "trained_with_codec of the profile" : "state_dict.bin: compression_model_checkpoint"};
  if (packed.is_named() && packed.name == name) return std::nullopt;
  const harness::architecture::KnownCodec* known = harness::architecture::FindKnownCodec(name);
  if (known != nullptr && known->dac_weights) return NotCompared("it was trained with " + name, "");
  // A name in a config never leads to a file of this machine.
  const auto followed =
      setting ? FollowSetting(context, name) : harness::exports::FollowHub(name, context.exported().hub());
  if (!followed.ok()) {
    if (followed.error().code == harness::ErrorCode::kMachine) return FromStatus(followed.error());
    if (setting) return Fail("trained_with_codec: " + followed.error().message).WithRemedy(followed.error().remedy);
    return NotCompared(followed.error().message,
                       followed.error().code == harness::ErrorCode::kNotFound && known != nullptr
                           ? fmt::format("Run `{}` to have them compared", known->fetch)
                           : "");
  }
  if (const auto* uncached = std::get_if<harness::exports::UncachedCodec>(&followed->source)) {
    return NotCompared(uncached->why.message, uncached->why.remedy);
  }
  // What is in the cache under that name may be another codec than the one of then: a model of other codes was not
  // trained with it, whatever its config says.
  if (!setting && lm.cardinality != followed->facts.cardinality) return std::nullopt;
  const auto comparison = harness::exports::CompareWithPacked(context.exported(), *followed);
  if (!comparison.ok()) return NotCompared(comparison.error().message, comparison.error().remedy);
  return Judge(*comparison, trained);
}

}  // namespace

Outcome CheckTrainedWith(Context& context, const LmSpec& lm, const Codec& codec) {
  const std::string trained_on = ReadTrainedOn(context);
  const Outcome named = CheckTrainedReference(trained_on, codec);
  if (!named.passed()) return named;
  return CheckTrainedWeights(context, trained_on, lm).value_or(named);
}

}  // namespace conformance::codec_checks
