#include "harness/spec/conditioner_spec.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace harness {
namespace {

void ReadT5(const ConfigValue::Map& map, const std::string& path, ConditionerSpec& conditioner,
            OptionProblems& problems) {
  OptionReader options(map, path, "T5Conditioner", problems);
  conditioner.t5_name = options.String("name", std::nullopt);
  conditioner.finetune = options.Bool("finetune", std::nullopt);
  options.Bool("normalize_text", false);
  options.Float("word_dropout", 0);
  options.Ignore({"autocast_dtype"});
  options.Finish();
  if (const auto dim = T5Dim(conditioner.t5_name)) {
    conditioner.input_dim = *dim;
  } else if (!conditioner.t5_name.empty()) {
    options.Wrong("name", fmt::format("'{}' is no T5 model that T5Conditioner knows: t5-small, t5-base, t5-large, "
                                      "google/flan-t5-base, ...",
                                      conditioner.t5_name));
  }
}

}  // namespace

std::vector<ConditionerSpec> ReadConditioners(const Config& config, OptionProblems& problems) {
  std::vector<ConditionerSpec> conditioners;
  if (!config.Has("conditioners")) {
    problems.wrong.push_back("conditioners is missing (an empty mapping means none)");
    return conditioners;
  }
  if (auto value = config.Get("conditioners"); value.ok() && value->is_null()) return conditioners;
  // Deleted by the loader before anything reads them.
  const Config cleaned = config.Without("conditioners.self_wav.chroma_stem.cache_path")
                             .Without("conditioners.args.merge_text_conditions_p")
                             .Without("conditioners.args.drop_desc_p");
  const auto tree = ReadMapping(cleaned, "conditioners", problems);
  if (!tree) return conditioners;
  for (const auto& [name, entry] : *AsMap(*tree)) {
    const std::string path = "conditioners." + name;
    const ConfigValue::Map* map = AsMap(entry);
    if (map == nullptr) {
      problems.wrong.push_back(fmt::format("{} must be a mapping, found {}", path, entry.Describe()));
      continue;
    }
    if (name == "args") {  // ConditioningProvider(conditioners, device=device, **args)
      OptionReader(*map, path, "ConditioningProvider", problems).Finish();
      continue;
    }
    ConditionerSpec conditioner{.name = name, .model = "", .t5_name = ""};
    OptionReader options(*map, path, "get_conditioner_provider", problems);
    conditioner.model = options.Choice("model", std::nullopt, {"t5", "lut", "chroma_stem", "clap"});
    const ConfigValue* arguments = entry.Find(conditioner.model);
    if (arguments == nullptr || AsMap(*arguments) == nullptr) {
      options.Wrong(conditioner.model, "is missing: the arguments of the conditioner");
      continue;
    }
    if (conditioner.model == "t5") {
      ReadT5(*AsMap(*arguments), path + ".t5", conditioner, problems);
    } else {
      options.Unsupported("model", fmt::format("is '{}', which this suite does not check yet", conditioner.model));
    }
    if (conditioner.finetune)
      options.Unsupported("t5.finetune", "puts T5 itself into the export, which this suite does not check yet");
    conditioners.push_back(std::move(conditioner));
  }
  return conditioners;
}

std::optional<int64_t> T5Dim(const std::string& name) {
  // T5Conditioner.MODELS and MODELS_DIMS; flan-t5-xl and -xxl stand in the first, but not in the second (KeyError).
  static constexpr std::array<std::pair<std::string_view, int64_t>, 8> kModels = {{
      {"t5-small", 512},
      {"t5-base", 768},
      {"t5-large", 1024},
      {"t5-3b", 1024},
      {"t5-11b", 1024},
      {"google/flan-t5-small", 512},
      {"google/flan-t5-base", 768},
      {"google/flan-t5-large", 1024},
  }};
  for (const auto& [known, dim] : kModels) {
    if (known == name) return dim;
  }
  return std::nullopt;
}

void AppendConditionerTensors(const ConditionerSpec& conditioner, int64_t dim, std::vector<TensorSpec>& list) {
  const std::string name = "condition_provider.conditioners." + conditioner.name + ".output_proj";
  list.push_back({.name = name + ".weight",
                  .shape = {dim, conditioner.input_dim},
                  .group = "conditioners",
                  .origin = fmt::format("transformer_lm.dim, width of conditioners.{}.t5.name = {}", conditioner.name,
                                        conditioner.t5_name)});
  list.push_back({.name = name + ".bias", .shape = {dim}, .group = "conditioners", .origin = "transformer_lm.dim"});
}

}  // namespace harness
