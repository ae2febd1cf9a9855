// T5Conditioner: audiocraft 1.3.0, modules/conditioners.py.
#include <fmt/format.h>

#include <utility>

#include "harness/architecture/conditioner_kind.h"

namespace harness::architecture {
namespace {

void ReadT5(const ConditionerArguments& arguments, ConditionerSpec& conditioner, config::OptionProblems& problems) {
  config::OptionReader options(arguments.map, arguments.path, "T5Conditioner", problems);
  T5Options t5;
  t5.name = options.String("name", std::nullopt);
  t5.finetune = ReadStrictBool(options, "finetune");
  t5.normalize_text = config::IsTruthy(options.Raw("normalize_text"));
  // The one value that is taken for its opposite.
  if (const config::ConfigValue* value = options.Raw("normalize_text"); value != nullptr) {
    const config::ConfigValue bare = value->WithoutQuotes();
    if (t5.normalize_text && std::get_if<bool>(&bare.data) != nullptr && !std::get<bool>(bare.data)) {
      options.Bool("normalize_text", false);
    }
  }
  // Compared with 0 whenever a text is tokenized: a number, or a bool.
  if (const config::ConfigValue* dropout = options.Raw("word_dropout");
      dropout != nullptr && !std::holds_alternative<bool>(dropout->data))
    options.Float("word_dropout", 0);
  options.Ignore({"autocast_dtype"});
  options.Finish();
  if (const auto dim = T5Dim(t5.name)) {
    conditioner.input_dim = *dim;
  } else if (!t5.name.empty()) {
    options.Wrong(
        "name",
        fmt::format("must be a T5 that T5Conditioner knows (t5-small, t5-base, t5-large, "
                    "google/flan-t5-base, ...), found '{}': get_pretrained raises an AssertionError or a "
                    "KeyError",
                    t5.name),
        fmt::format("Set {} to the one of these that the model was trained with. audiocraft loads no other T5: "
                    "a model that was trained with one needs the changed audiocraft that trained it",
                    options.Path("name")));
  }
  conditioner.input_origin = fmt::format("width of {} = {}", options.Path("name"), t5.name);
  conditioner.fetches.push_back(fmt::format("T5 {} (from the hub)", t5.name));
  if (t5.normalize_text) conditioner.fetches.emplace_back(kSpacyModel);
  conditioner.options = std::move(t5);
}

void AppendT5Tensors(const ConditionerSpec& conditioner, ConditionerTensors& tensors) {
  tensors.Add(std::get<T5Options>(conditioner.options).tensors);
}

int64_t CountT5Tensors(const ConditionerSpec& conditioner) {
  return static_cast<int64_t>(std::get<T5Options>(conditioner.options).tensors.size());
}

std::optional<std::string> FindUncheckedT5(const ConditionerSpec& conditioner) {
  const auto& t5 = std::get<T5Options>(conditioner.options);
  return t5.finetune && t5.tensors.empty() ? std::optional<std::string>("t5.") : std::nullopt;
}

void AddT5Edits(const ConditionerEdits& e) {
  const int64_t width = e.found.Size(e.prefix + "output_proj.weight", 1);
  for (const char* name : {"t5-small", "t5-base", "t5-large", "google/flan-t5-small"}) {
    if (T5Dim(name) == width) e.edits.Text(e.key + "name", name);
  }
  e.edits.Flag(e.key + "finetune", e.found.AnyWith(e.prefix + "t5."));
}

}  // namespace

const ConditionerKind T5Options::kKind = {.model = "t5",
                                          .input = ConditionerInput::kText,
                                          .read = ReadT5,
                                          .append_tensors = AppendT5Tensors,
                                          .more_tensors = CountT5Tensors,
                                          .unchecked = FindUncheckedT5,
                                          .add_edits = AddT5Edits};

}  // namespace harness::architecture
