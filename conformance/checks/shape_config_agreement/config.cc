#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "conformance/checks/shape_config_agreement/shape_config_agreement.h"
#include "harness/export/folder_contents.h"

namespace conformance {

using harness::exports::Role;

namespace {

// What the builders read of the config; nothing else is ever resolved (models/builders.py, loaders.py, genmodel.py).
// Of codebooks_pattern, only the chosen pattern's options are read: shape_config_agreement/.../options does.
const std::vector<std::string>& ListSubtreesRead(Role role) {
  static const std::vector<std::string> language_model = {
      "lm_model", "transformer_lm", "codebooks_pattern.modeling", "attribute_dropout", "classifier_free_guidance",
      "fuser",    "conditioners",   "dataset.segment_duration"};
  static const std::vector<std::string> codec = {"compression_model", "encodec", "seanet"};
  return role == Role::kLanguageModel ? language_model : codec;
}

// The key paths below `value` that are still `???`.
void FindMissing(const harness::config::ConfigValue& value, const std::string& path,
                 std::vector<std::string>& missing) {
  if (!value.environment.empty()) return;  // its keys are not shown
  if (const auto* text = std::get_if<std::string>(&value.data); text != nullptr && *text == "???")
    missing.push_back(path);
  if (const auto* map = std::get_if<harness::config::ConfigValue::Map>(&value.data)) {
    for (const auto& [key, item] : *map) FindMissing(item, path + "." + key, missing);
  }
  if (const auto* list = std::get_if<harness::config::ConfigValue::List>(&value.data)) {
    for (size_t i = 0; i < list->size(); ++i) FindMissing((*list)[i], fmt::format("{}[{}]", path, i), missing);
  }
}

// The first key on the way to `path` that is not there; empty where the whole path is, or can't be followed.
std::string FindFirstAbsent(const harness::config::Config& config, const std::string& path) {
  for (size_t end = path.find('.'); end != std::string::npos; end = path.find('.', end + 1)) {
    const std::string parent = path.substr(0, end);
    if (!config.Has(parent)) return parent;
    if (!config.Keys(parent).ok()) return "";  // an interpolation, ???, or not a mapping: reported by Get
  }
  return config.Has(path) ? "" : path;
}

// The keys that the builders' options check refuses.
std::vector<std::string> ListRefusedKeys(Context& context, Role role) {
  harness::exports::Export& exported = context.exported();
  if (role == Role::kLanguageModel)
    return exported.lm_spec().ok() ? std::vector<std::string>() : exported.lm_spec().error().keys;
  return exported.codec_spec().ok() ? std::vector<std::string>() : exported.codec_spec().error().keys;
}

bool Holds(const harness::config::Config& config, const std::string& path, const std::string& text) {
  const auto value = config.GetString(path);
  return value.ok() && *value == text;
}

Role GetOtherRole(Role role) { return role == Role::kLanguageModel ? Role::kCodec : Role::kLanguageModel; }

struct Explanation {
  std::string cause, remedy;
};

// How the config of the other role got into this file, by what the other file holds.
Explanation ExplainOtherConfig(Context& context, Role role) {
  const Role other = GetOtherRole(role);
  harness::exports::ExportFile& beside = context.exported().file(other);
  const bool readable = context.GetOutcome(ids::kPackage(other)).passed();
  const bool has_config = readable && !beside.package()->pretrained && beside.config().ok();
  const std::string export_it =
      fmt::format("Write {} with {}", harness::exports::FileName(role), harness::exports::FormatExporterCall(role));
  if (has_config && beside.config()->Has(ListSubtreesRead(role).front())) {
    return {fmt::format("The two files are swapped: {} holds the {}", harness::exports::FileName(other),
                        harness::exports::Describe(role)),
            "Exchange the names of the two files"};
  }
  if (has_config && beside.config()->Has(ListSubtreesRead(other).front())) {
    return {fmt::format("The {} was exported twice: {} holds one, too", harness::exports::Describe(other),
                        harness::exports::FileName(other)),
            export_it};
  }
  return {fmt::format("The two files are swapped, or the {} was exported twice", harness::exports::Describe(other)),
          export_it};
}

Outcome CheckSubtrees(Context& context, const harness::config::Config& config, Role role) {
  const Role other = GetOtherRole(role);
  if (!config.Has(ListSubtreesRead(role).front()) && config.Has(ListSubtreesRead(other).front())) {
    Explanation explanation = ExplainOtherConfig(context, role);
    return Fail(fmt::format("{}: has no {}, but {}: this is the config of a {}. {}", config.source(),
                            ListSubtreesRead(role).front(), ListSubtreesRead(other).front(),
                            harness::exports::Describe(other), explanation.cause))
        .WithRemedy(std::move(explanation.remedy));
  }
  std::vector<std::string> absent, problems, never_given;
  for (const std::string& path : ListSubtreesRead(role)) {
    if (const std::string key = FindFirstAbsent(config, path); !key.empty()) {
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
  // As a text, `???` is as good as any where nothing reads it: what reads it refuses it.
  if (!never_given.empty()) {
    const std::vector<std::string> refused = ListRefusedKeys(context, role);
    std::erase_if(never_given, [&](const std::string& key) {
      return std::find(refused.begin(), refused.end(), key) == refused.end();
    });
  }
  if (absent.empty() && problems.empty() && never_given.empty())
    return Pass({{"subtrees", ListSubtreesRead(role).size()}});
  std::vector<std::string> sentences, remedies;
  if (!absent.empty()) {
    sentences.push_back(fmt::format("has no {}, which the {} is built from: a part of the config was lost",
                                    fmt::join(absent, ", "), harness::exports::Describe(role)));
    remedies.push_back(fmt::format("Export the run's whole config, as audiocraft.utils.export.{} does",
                                   role == Role::kLanguageModel ? "export_lm" : "export_encodec"));
  }
  if (!never_given.empty()) {
    const bool one = never_given.size() == 1;
    sentences.push_back(
        fmt::format("{} {} ???, a value that was never given", fmt::join(never_given, ", "), one ? "is" : "are"));
    remedies.push_back(one ? "Set the value that the model was trained with"
                           : "Set the values that the model was trained with");
  }
  if (!problems.empty()) {
    sentences.push_back(fmt::format("{}", fmt::join(problems, "; ")));
    remedies.emplace_back(
        "Write the values of the training in the place of the interpolations: where the training ran, "
        "OmegaConf.to_yaml(cfg, resolve=True) knows them");
  }
  return Fail(fmt::format("{}: {}. MusicGen.get_pretrained raises", config.source(), fmt::join(sentences, ". ")))
      .WithRemedy(fmt::format("{}", fmt::join(remedies, ". ")));
}

}  // namespace

Outcome CheckConfig(Context& context, Role role) {
  harness::exports::ExportFile& file = context.exported().file(role);
  if (file.package()->pretrained) {
    return Skip(
        reason::kNothingToJudge,
        fmt::format("compression_state_dict.bin: is a reference to the codec '{}', and brings no config of its own",
                    *file.package()->pretrained));
  }
  const auto& config = file.config();
  if (config.ok()) return CheckSubtrees(context, *config, role);
  Outcome outcome = FromStatus(config.error());
  if (outcome.failed() && outcome.remedy.empty())
    outcome.remedy = "Write into xp.cfg what OmegaConf.to_yaml(cfg) gives, cfg being the run's whole config";
  return outcome;
}

}  // namespace conformance
