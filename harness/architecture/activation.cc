#include "harness/architecture/activation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>

namespace harness::architecture {
namespace {

constexpr double kRequired = std::numeric_limits<double>::infinity();

struct Row {
  const char* name;
  bool inplace = false;  // whether the class takes it
  const char* parameter = "";
  double parameter_default = 0;
  const char* second = "";
  double second_default = 0;
};

constexpr std::array kActivations = {
    Row{"ELU", true, "alpha", 1},
    Row{"CELU", true, "alpha", 1},
    Row{"SELU", true},
    Row{"ReLU", true},
    Row{"ReLU6", true},
    Row{"LeakyReLU", true, "negative_slope", 0.01},
    Row{"GELU", false},
    Row{"SiLU", true},
    Row{"Mish", true},
    Row{"Tanh", false},
    Row{"Sigmoid", false},
    Row{"LogSigmoid", false},
    Row{"Softsign", false},
    Row{"Softplus", false, "beta", 1, "threshold", 20},
    Row{"Hardtanh", true, "min_val", -1, "max_val", 1},
    Row{"Hardsigmoid", true},
    Row{"Hardswish", true},
    Row{"Hardshrink", false, "lambd", 0.5},
    Row{"Softshrink", false, "lambd", 0.5},
    Row{"Tanhshrink", false},
    Row{"Threshold", true, "threshold", kRequired, "value", kRequired},
    Row{"Identity", false},
};

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Every class of torch.nn begins with a capital: another spelling of one is an AttributeError. The rest may be there.
void UnknownName(config::OptionReader& options, std::string_view key, const std::string& name) {
  std::vector<std::string> known;
  for (const Row& row : kActivations) known.emplace_back(row.name);
  for (const std::string& candidate : known) {
    if (Lower(candidate) == Lower(name)) {
      return options.Wrong(
          key,
          fmt::format("is '{}', which torch.nn does not have (AttributeError): did you mean '{}'?", name, candidate),
          fmt::format("Set {}: {} in xp.cfg", options.Path(key), candidate));
    }
  }
  if (name.empty() || std::isupper(static_cast<unsigned char>(name[0])) == 0) {
    return options.Wrong(
        key, fmt::format("is '{}', which is not a class of torch.nn (AttributeError)", name),
        fmt::format("Set {} to what the codec was trained with: {}", options.Path(key), fmt::join(known, ", ")));
  }
  options.Unsupported(key, fmt::format("is {}: of torch.nn this suite knows {}", name, fmt::join(known, ", ")));
}

}  // namespace

ActivationSpec ReadActivation(config::OptionReader& options, std::string_view name_key, const std::string& name,
                              std::string_view params_key, bool default_alpha, config::OptionProblems& problems) {
  ActivationSpec activation{.name = name};
  const config::ConfigValue* params = options.Raw(params_key);
  const auto row = std::find_if(kActivations.begin(), kActivations.end(),
                                [&](const Row& candidate) { return candidate.name == name; });
  if (row == kActivations.end()) {
    UnknownName(options, name_key, name);
    return activation;
  }
  config::ConfigValue::Map given;
  if (params == nullptr && default_alpha) {
    given.emplace_back("alpha", config::ConfigValue{1.0});
  } else if (params != nullptr && (default_alpha || config::IsTruthy(params))) {  // final_activation_params or {}
    const auto* map = config::AsMap(*params);
    if (map == nullptr) {
      options.Wrong(params_key, "must be a mapping, found " + params->Describe());
      return activation;
    }
    given = *map;
  }
  const auto takes_alpha = std::string_view(row->parameter) == "alpha";
  if (params == nullptr && default_alpha && !takes_alpha) {
    options.Wrong(params_key, fmt::format("is missing: its default, alpha, is not a parameter of {}", name));
    return activation;
  }
  config::OptionReader reader(given, options.Path(params_key), "torch.nn." + name, problems);
  const auto number = [&](const char* key, double fallback) {
    if (*key == '\0') return 0.0;
    return reader.Float(key, fallback == kRequired ? std::nullopt : std::optional(fallback));
  };
  activation.parameter = number(row->parameter, row->parameter_default);
  activation.second = number(row->second, row->second_default);
  if (name == "GELU") {
    activation.parameter = reader.Choice("approximate", "none", {"none", "tanh"}) == "tanh" ? 1 : 0;
  }
  if (row->inplace) activation.inplace = reader.Bool("inplace", false);
  if (name == "Identity") return activation;  // takes anything
  reader.Finish();
  return activation;
}

}  // namespace harness::architecture
