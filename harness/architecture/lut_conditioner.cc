// LUTConditioner: audiocraft 1.3.0, modules/conditioners.py.
#include <fmt/format.h>

#include <cmath>

#include "harness/architecture/conditioner_kind.h"

namespace harness::architecture {
namespace {

void ReadLut(const ConditionerArguments& arguments, ConditionerSpec& conditioner, config::OptionProblems& problems) {
  config::OptionReader options(arguments.map, arguments.path, "LUTConditioner", problems);
  LutOptions lut;
  lut.bins = ReadStrictInt(options, "n_bins");
  conditioner.input_dim = ReadStrictInt(options, "dim");
  conditioner.input_origin = options.Path("dim");
  lut.whitespace = options.Choice("tokenizer", std::nullopt, {"noop", "whitespace"}) == "whitespace";
  // Put into a tensor of integers as it is: true is 1, and a fraction is cut off.
  const config::ConfigValue* pad_idx = options.Raw("pad_idx");
  double pad = 0;
  if (pad_idx != nullptr && std::holds_alternative<bool>(pad_idx->data)) {
    pad = std::get<bool>(pad_idx->data) ? 1 : 0;
  } else {
    pad = options.Float("pad_idx", 0);
  }
  pad = std::trunc(pad);
  if (pad >= 0 && pad < static_cast<double>(lut.bins)) {
    lut.pad_idx = static_cast<int64_t>(pad);
  } else {
    options.Wrong("pad_idx",
                  fmt::format("must be an entry of the table, 0 to n_bins - 1 = {}, found {}: guidance looks it up in "
                              "every generation (IndexError)",
                              lut.bins - 1, pad));
  }
  options.Finish();
  if (lut.whitespace) conditioner.fetches.emplace_back(kSpacyModel);
  conditioner.options = lut;
}

void AppendLutTensors(const ConditionerSpec& conditioner, ConditionerTensors& tensors) {
  tensors.Add("embed.weight", {std::get<LutOptions>(conditioner.options).bins, conditioner.input_dim},
              tensors.Key("n_bins") + ", " + tensors.Key("dim"));
}

void AddLutEdits(const ConditionerEdits& e) {
  e.edits.Number(e.key + "n_bins", e.found.Size(e.prefix + "embed.weight", 0));
}

}  // namespace

const ConditionerKind LutOptions::kKind = {.model = "lut",
                                           .input = ConditionerInput::kText,
                                           .read = ReadLut,
                                           .append_tensors = AppendLutTensors,
                                           .add_edits = AddLutEdits};

}  // namespace harness::architecture
