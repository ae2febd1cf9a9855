#include "harness/architecture/read_conditioners.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/architecture/conditioner_kind.h"
#include "harness/base/safe_text.h"

namespace harness::architecture {
namespace {

// Members of torch.nn.ModuleDict 2.1 without an underscore in front, each between spaces: it refuses a conditioner of
// such a name.
constexpr std::string_view kModuleDictMembers =
    " T_destination add_module apply bfloat16 buffers call_super_init children clear compile cpu cuda double"
    " dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu"
    " items keys load_state_dict modules named_buffers named_children named_modules named_parameters parameters"
    " pop register_backward_hook register_buffer register_forward_hook register_forward_pre_hook"
    " register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook"
    " register_module register_parameter register_state_dict_pre_hook requires_grad_ set_extra_state share_memory"
    " state_dict to to_empty train training type update values xpu zero_grad ";

void CheckName(const std::string& name, const std::string& path, config::OptionProblems& problems) {
  const bool taken =
      name.find(' ') == std::string::npos && kModuleDictMembers.find(" " + name + " ") != std::string_view::npos;
  if (taken || name.empty() || name.find('.') != std::string::npos) {
    problems.AddWrong(path,
                      fmt::format("is a conditioner that can't be called '{}' (KeyError when it is built)", name));
  }
}

// load_lm_model looks for conditioners.self_wav.chroma_stem.cache_path, whatever the model is: OmegaConf.set_struct
// takes nothing but a mapping or a list there.
void CheckLookups(const config::ConfigValue& tree, config::OptionProblems& problems) {
  const config::ConfigValue* self_wav = tree.Find("self_wav");
  const config::ConfigValue* chroma =
      self_wav != nullptr && config::AsMap(*self_wav) != nullptr ? self_wav->Find("chroma_stem") : nullptr;
  if (chroma == nullptr || config::AsMap(*chroma) != nullptr ||
      std::holds_alternative<config::ConfigValue::List>(chroma->data))
    return;
  problems.AddWrong("conditioners.self_wav.chroma_stem",
                    fmt::format("must be a mapping or absent, found {}: get_pretrained looks for cache_path in it "
                                "(AttributeError)",
                                chroma->Describe()));
}

// The problem is noted and nothing returned where the entry can't be read.
std::optional<ConditionerSpec> ReadConditioner(const std::string& name, const config::ConfigValue& entry,
                                               double segment_duration_s, config::OptionProblems& problems) {
  const std::string path = "conditioners." + name;
  CheckName(name, path, problems);
  ConditionerSpec conditioner;
  conditioner.name = name;
  config::OptionReader options(*config::AsMap(entry), path, "get_conditioner_provider", problems);
  const size_t wrong_before = problems.wrong.size();
  std::vector<std::string> models;
  for (const ConditionerKind* kind : ListConditionerKinds()) models.emplace_back(kind->model);
  const std::string model = options.Choice("model", std::nullopt, models);
  if (problems.wrong.size() > wrong_before) return std::nullopt;
  const config::ConfigValue* arguments = entry.Find(model);
  if (arguments == nullptr || config::AsMap(*arguments) == nullptr) {
    options.Wrong(model, arguments == nullptr ? "is missing: the arguments of the conditioner"
                                              : fmt::format("must be a mapping, found {}", arguments->Describe()));
    return std::nullopt;
  }
  const size_t index = static_cast<size_t>(std::find(models.begin(), models.end(), model) - models.begin());
  ListConditionerKinds()[index]->read({*config::AsMap(*arguments), options.Path(model), segment_duration_s},
                                      conditioner, problems);
  return conditioner;
}

}  // namespace

std::vector<ConditionerSpec> ReadConditioners(const config::Config& config, config::OptionProblems& problems) {
  std::vector<ConditionerSpec> conditioners;
  if (!config.Has("conditioners")) {
    problems.AddWrong("conditioners", "is missing", "Write an empty mapping, conditioners: {}, where there are none");
    return conditioners;
  }
  if (auto value = config.Get("conditioners"); value.ok() && value->is_null()) {
    problems.AddWrong("conditioners",
                      "is null: training takes that for no conditioner, but get_pretrained looks for self_wav in it "
                      "(TypeError \"argument of type 'NoneType' is not iterable\")",
                      "Write an empty mapping, conditioners: {}");
    return conditioners;
  }
  // Deleted by the loader before anything reads them.
  const config::Config cleaned = config.Without("conditioners.self_wav.chroma_stem.cache_path")
                                     .Without("conditioners.args.merge_text_conditions_p")
                                     .Without("conditioners.args.drop_desc_p");
  const auto tree = config::ReadMapping(cleaned, "conditioners", problems);
  if (!tree) return conditioners;
  CheckLookups(*tree, problems);
  if (config::AsMap(*tree)->size() > kMaxConditioners) {
    problems.AddUnsupported("conditioners", fmt::format("has {} entries; this suite reads up to {}",
                                                        config::AsMap(*tree)->size(), kMaxConditioners));
    return conditioners;
  }
  // Its own reader reports what is wrong with it.
  auto segment_duration = config.GetFloat("dataset.segment_duration");
  const double segment_duration_s = segment_duration.ok() ? *segment_duration : 0;
  for (const auto& [name, entry] : *config::AsMap(*tree)) {
    if (name.size() > kMaxConditionerName) {  // it stands in every message and in every tensor's name
      problems.AddUnsupported(
          "conditioners", fmt::format("has a name of {} bytes ({}...); this suite reads names of up to {}", name.size(),
                                      Printable(name, 40), kMaxConditionerName));
      continue;
    }
    const config::ConfigValue::Map* map = config::AsMap(entry);
    if (map == nullptr) {
      problems.AddWrong("conditioners." + name, "must be a mapping, found " + entry.Describe());
    } else if (name == "args") {  // ConditioningProvider(conditioners, device=device, **args)
      config::OptionReader(*map, "conditioners.args", "ConditioningProvider", problems).Finish();
    } else if (auto conditioner = ReadConditioner(name, entry, segment_duration_s, problems)) {
      conditioners.push_back(*std::move(conditioner));
    }
  }
  return conditioners;
}

}  // namespace harness::architecture
