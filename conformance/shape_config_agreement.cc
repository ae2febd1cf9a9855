// Category shape_config_agreement: the config is one that audiocraft's builders accept, and the state dict is exactly
// the one that strict loading into the model that it describes wants.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "conformance/context.h"
#include "conformance/file_names.h"
#include "conformance/suite.h"
#include "harness/architecture/likely_cause.h"
#include "harness/export/folder_contents.h"

namespace conformance {
namespace {

using harness::Role;

// What the builders read of the config; nothing else is ever resolved (models/builders.py, loaders.py, genmodel.py).
// Of codebooks_pattern, only the chosen pattern's options are read: shape_config_agreement/.../options does.
const std::vector<std::string>& SubtreesRead(Role role) {
  static const std::vector<std::string> language_model = {
      "lm_model", "transformer_lm", "codebooks_pattern.modeling", "attribute_dropout", "classifier_free_guidance",
      "fuser",    "conditioners",   "dataset.segment_duration"};
  static const std::vector<std::string> codec = {"compression_model", "encodec", "seanet"};
  return role == Role::kLanguageModel ? language_model : codec;
}

// The key paths below `value` that are still `???`.
void FindMissing(const harness::ConfigValue& value, const std::string& path, std::vector<std::string>& missing) {
  if (!value.environment.empty()) return;  // its keys are not shown
  if (const auto* text = std::get_if<std::string>(&value.data); text != nullptr && *text == "???")
    missing.push_back(path);
  if (const auto* map = std::get_if<harness::ConfigValue::Map>(&value.data)) {
    for (const auto& [key, item] : *map) FindMissing(item, path + "." + key, missing);
  }
  if (const auto* list = std::get_if<harness::ConfigValue::List>(&value.data)) {
    for (size_t i = 0; i < list->size(); ++i) FindMissing((*list)[i], fmt::format("{}[{}]", path, i), missing);
  }
}

// The first key on the way to `path` that is not there; empty where the whole path is, or can't be followed.
std::string FirstAbsent(const harness::Config& config, const std::string& path) {
  for (size_t end = path.find('.'); end != std::string::npos; end = path.find('.', end + 1)) {
    const std::string parent = path.substr(0, end);
    if (!config.Has(parent)) return parent;
    if (!config.Keys(parent).ok()) return "";  // an interpolation, ???, or no mapping: told by Get
  }
  return config.Has(path) ? "" : path;
}

// What the builders' options check says of this config; empty where it has nothing to say.
std::string OptionsComplaint(Context& context, Role role) {
  harness::Export& exported = context.exported();
  if (role == Role::kLanguageModel) return exported.lm_spec().ok() ? "" : exported.lm_spec().error().message;
  return exported.codec_spec().ok() ? "" : exported.codec_spec().error().message;
}

bool Holds(const harness::Config& config, const std::string& path, const std::string& text) {
  const auto value = config.GetString(path);
  return value.ok() && *value == text;
}

Role OtherThan(Role role) { return role == Role::kLanguageModel ? Role::kCodec : Role::kLanguageModel; }

// How the config of the other role got into this file, by what the other file holds.
std::string WhichFileIsWrong(Context& context, Role role) {
  const Role other = OtherThan(role);
  harness::ExportFile& beside = context.exported().file(other);
  const bool readable = context.Evaluate(fmt::format("state_dict_integrity/{}/package", Slug(other))).status ==
                        harness::CheckStatus::kPass;
  const bool has_config = readable && !beside.package()->pretrained && beside.config().ok();
  if (has_config && beside.config()->Has(SubtreesRead(role).front())) {
    return fmt::format("The two files are swapped: {} holds the {}. Exchange their names", harness::FileName(other),
                       harness::Describe(role));
  }
  if (has_config && beside.config()->Has(SubtreesRead(other).front())) {
    return fmt::format("The {} was exported twice: {} holds one, too. {} must come from {}", harness::Describe(other),
                       harness::FileName(other), harness::FileName(role), harness::ExporterCall(role));
  }
  return fmt::format("The two files are swapped, or the {} was exported twice. {} must come from {}",
                     harness::Describe(other), harness::FileName(role), harness::ExporterCall(role));
}

Outcome CheckSubtrees(Context& context, const harness::Config& config, Role role) {
  const Role other = OtherThan(role);
  if (!config.Has(SubtreesRead(role).front()) && config.Has(SubtreesRead(other).front())) {
    return Fail(fmt::format("{}: has no {}, but {}: this is the config of a {}. {}", config.source(),
                            SubtreesRead(role).front(), SubtreesRead(other).front(), harness::Describe(other),
                            WhichFileIsWrong(context, role)));
  }
  std::vector<std::string> absent, problems, never_given;
  for (const std::string& path : SubtreesRead(role)) {
    if (const std::string key = FirstAbsent(config, path); !key.empty()) {
      absent.push_back(key == path ? key : fmt::format("{} (read for {})", key, path));
      continue;
    }
    const auto value = config.Get(path);
    if (!value.ok()) {
      if (value.error().code == harness::ErrorCode::kUnsupported) return FromStatus(value.error());
      problems.push_back(value.error().message.substr(config.source().size() + 2));
      continue;
    }
    FindMissing(*value, path, never_given);
  }
  // The quantizer's subtree is read by its name.
  if (role == Role::kCodec && !config.Has("rvq") && Holds(config, "encodec.quantizer", "rvq")) {
    absent.emplace_back("rvq");
  }
  // As a text, `???` is as good as any where nothing reads it: what does has complained.
  if (!never_given.empty()) {
    const std::string complaint = OptionsComplaint(context, role);
    std::erase_if(never_given, [&](const std::string& key) { return complaint.find(key) == std::string::npos; });
  }
  if (absent.empty() && problems.empty() && never_given.empty()) return Pass({{"subtrees", SubtreesRead(role).size()}});
  std::vector<std::string> sentences;
  if (!absent.empty()) {
    sentences.push_back(fmt::format(
        "has no {}, which the {} is built from: a part of the config was lost. Export the run's whole config, as "
        "audiocraft.utils.export.{} does",
        fmt::join(absent, ", "), harness::Describe(role),
        role == Role::kLanguageModel ? "export_lm" : "export_encodec"));
  }
  if (!never_given.empty()) {
    sentences.push_back(
        fmt::format("{} {} ???, a value that was never given. Set it to the one that the model was trained with",
                    fmt::join(never_given, ", "), never_given.size() == 1 ? "is" : "are"));
  }
  if (!problems.empty()) {
    sentences.push_back(
        fmt::format("{}. Write the values of the training in its place: where it ran, OmegaConf.to_yaml(cfg, "
                    "resolve=True) knows them",
                    fmt::join(problems, "; ")));
  }
  return Fail(fmt::format("{}: {}. get_pretrained raises", config.source(), fmt::join(sentences, ". ")));
}

Outcome CheckConfig(Context& context, Role role) {
  harness::ExportFile& file = context.exported().file(role);
  if (file.package()->pretrained) {
    return Skip(
        fmt::format("the codec is a reference to '{}': it brings no config of its own", *file.package()->pretrained));
  }
  const auto& config = file.config();
  if (config.ok()) return CheckSubtrees(context, *config, role);
  Outcome outcome = FromStatus(config.error());
  if (outcome.status == harness::CheckStatus::kFail && outcome.message.find("OmegaConf.to_yaml") == std::string::npos) {
    outcome.message += ". xp.cfg must be what OmegaConf.to_yaml(cfg) gives, cfg being the run's whole config";
  }
  return outcome;
}

// What get_pretrained fetches beside the export.
std::vector<std::string> Fetches(const harness::LmSpec& spec) {
  std::vector<std::string> fetches;
  for (const harness::ConditionerSpec& conditioner : spec.conditioners)
    fetches.insert(fetches.end(), conditioner.fetches.begin(), conditioner.fetches.end());
  return fetches;
}

// Empty where audiocraft 1.3.0 builds every conditioner.
std::string NewerAudiocraft(const harness::LmSpec& spec) {
  for (const harness::ConditionerSpec& conditioner : spec.conditioners) {
    if (conditioner.needs_audiocraft.empty()) continue;
    return fmt::format(
        "state_dict.bin: conditioners.{}.model is {}, which audiocraft knows from {} on: with 1.3.0, the newest "
        "release "
        "on PyPI, get_pretrained raises ValueError \"Unrecognized conditioning model: {}\". Tell people which "
        "audiocraft "
        "they need",
        conditioner.name, conditioner.model, conditioner.needs_audiocraft, conditioner.model);
  }
  return "";
}

Outcome CheckOptions(Context& context, Role role) {
  harness::Export& exported = context.exported();
  if (role == Role::kLanguageModel) {
    const auto& spec = exported.lm_spec();
    if (!spec.ok()) return FromStatus(spec.error());
    Outcome outcome = Pass({{"layers", spec->num_layers},
                            {"dim", spec->dim},
                            {"heads", spec->num_heads},
                            {"codebooks", spec->num_codebooks},
                            {"cardinality", spec->cardinality},
                            {"fetches", Fetches(*spec)}});
    outcome.message = NewerAudiocraft(*spec);
    return outcome;
  }
  const auto& spec = exported.codec_spec();
  if (!spec.ok()) return FromStatus(spec.error());
  return Pass({{"codebooks", spec->num_codebooks},
               {"cardinality", spec->cardinality},
               {"sample_rate_hz", spec->sample_rate_hz},
               {"frame_rate_hz", spec->frame_rate_hz()},
               {"channels", spec->channels}});
}

// What follows "Strict loading raises": the likely cause, and what would make config and weights agree.
std::string CauseAndRemedy(Context& context, Role role) {
  const harness::CheckedTensors& tensors = context.exported().tensors(role);
  const std::string cause = harness::LikelyCause(tensors.specs, tensors.found, tensors.agreement);
  std::string text = cause.empty() ? "" : ". Likely cause: " + cause;
  if (const auto edit = context.exported().SuggestedEdit(role)) {
    const auto now = context.exported().file(role).config()->Get(edit->key);
    text += fmt::format(
        ". With `{}` in its xp.cfg{} config and weights would agree: if these are the right weights, "
        "export them again with the config that they were trained with",
        edit->Text(), now.ok() ? fmt::format(" (now {})", harness::YamlText(*now)) : "");
  } else if (cause.empty()) {
    text +=
        ": the config and the weights are of different runs. Export both from one checkpoint, with "
        "audiocraft.utils.export";
  }
  return text;
}

Outcome CheckGroup(Context& context, Role role, const std::string& group) {
  const harness::CheckedTensors& tensors = context.exported().tensors(role);
  const auto& groups = tensors.agreement.groups;
  const auto entry = groups.find(group);
  size_t count = 0;
  for (const auto& spec : tensors.specs) count += spec.group == group ? 1 : 0;
  if (entry == groups.end() || entry->second.empty()) return Pass({{"tensors", count}});
  std::string message = fmt::format("{}: {}", harness::FileName(role), harness::DescribeDisagreement(entry->second));
  std::vector<std::string> others;
  for (const auto& [name, disagreement] : groups) {
    if (name != group && !disagreement.empty()) {
      others.push_back(
          fmt::format("{} ({} tensors)", name, disagreement.missing.size() + disagreement.mismatched.size()));
    }
  }
  if (!others.empty()) message += fmt::format(". Also disagreeing: {}", fmt::join(others, ", "));
  message += ". Strict loading raises" + CauseAndRemedy(context, role);
  return Fail(std::move(message), entry->second.missing.size() + entry->second.mismatched.size(), 0);
}

Outcome CheckUnexpected(Context& context, Role role) {
  const harness::CheckedTensors& tensors = context.exported().tensors(role);
  const auto& unexpected = tensors.agreement.unexpected;
  if (unexpected.empty()) return Pass({{"tensors", tensors.specs.size()}});
  return Fail(fmt::format("{}: {} tensor{} to no module of the config: {}. Strict loading raises{}",
                          harness::FileName(role), unexpected.size(), unexpected.size() == 1 ? " belongs" : "s belong",
                          harness::FoldNames(unexpected), CauseAndRemedy(context, role)),
              unexpected.size(), 0);
}

struct Group {
  const char* slug;
  const char* name;
};

}  // namespace

std::vector<Check> ShapeConfigAgreementChecks() {
  std::vector<Check> checks;
  for (const auto role : kRoles) {
    const std::string prefix = std::string("shape_config_agreement/") + Slug(role) + "/";
    const std::string camel = CamelCase(role);
    const auto add = [&](const char* slug, const char* name, std::vector<std::string> needs,
                         std::function<Outcome(Context&)> run) {
      checks.push_back({prefix + slug, camel + name, std::move(needs), std::move(run)});
    };
    const std::string integrity = std::string("state_dict_integrity/") + Slug(role) + "/";
    add("config", "Config", {integrity + "package"}, [role](Context& c) { return CheckConfig(c, role); });
    add("options", "Options", {prefix + "config"}, [role](Context& c) { return CheckOptions(c, role); });
    const std::vector<Group> groups =
        role == Role::kLanguageModel
            ? std::vector<Group>{{"embeddings", "Embeddings"},
                                 {"transformer", "Transformer"},
                                 {"heads", "Heads"},
                                 {"conditioners", "Conditioners"}}
            : std::vector<Group>{{"encoder", "Encoder"}, {"decoder", "Decoder"}, {"quantizer", "Quantizer"}};
    // One wrong number shows in several groups: each waits for the one before, so that it is told once, as a whole.
    // The shapes of shards say nothing about the config.
    std::vector<std::string> previous = {prefix + "options", integrity + "fsdp"};
    for (const Group& group : groups) {
      add(group.slug, group.name, previous,
          [role, slug = std::string(group.slug)](Context& c) { return CheckGroup(c, role, slug); });
      previous = {prefix + group.slug};
    }
    add("unexpected", "Unexpected", previous, [role](Context& c) { return CheckUnexpected(c, role); });
  }
  return checks;
}

DEFINE_SUITE(ShapeConfigAgreement, ShapeConfigAgreementChecks());

}  // namespace conformance
