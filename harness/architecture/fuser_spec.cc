#include "harness/architecture/fuser_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace harness::architecture {
namespace {

// The keys of `conditioners`, read or not by this suite.
std::vector<std::string> ConditionerNames(const config::Config& config) {
  config::OptionProblems told_elsewhere;
  std::vector<std::string> names;
  if (!config.Has("conditioners")) return names;
  const auto tree = config::ReadMapping(config, "conditioners", told_elsewhere);
  if (!tree) return names;
  for (const auto& [name, value] : *config::AsMap(*tree)) {
    if (name != "args") names.push_back(name);
  }
  return names;
}

}  // namespace

std::optional<FuseMethod> FuserSpec::MethodOf(const std::string& name) const {
  const auto lists = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (lists(input_interpolate)) return FuseMethod::kInputInterpolate;
  if (lists(prepend)) return FuseMethod::kPrepend;
  if (lists(cross)) return FuseMethod::kCross;
  if (lists(sum)) return FuseMethod::kSum;
  return std::nullopt;
}

FuserSpec ReadFuser(const config::Config& config, config::OptionProblems& problems) {
  FuserSpec fuser;
  const auto tree = config::ReadMapping(config, "fuser", problems);
  if (!tree) return fuser;
  config::OptionReader options(*config::AsMap(*tree), "fuser", "ConditionFuser", problems);
  fuser.sum = options.StringList("sum", std::nullopt);
  fuser.cross = options.StringList("cross", std::nullopt);
  fuser.prepend = options.StringList("prepend", std::nullopt);
  fuser.input_interpolate = options.StringList("input_interpolate", std::nullopt);
  fuser.cross_attention_pos_emb = options.Bool("cross_attention_pos_emb", false);
  if (fuser.cross_attention_pos_emb) {  // else it is never looked at
    fuser.cross_attention_pos_emb_scale = options.Float("cross_attention_pos_emb_scale", 1);
  } else {
    options.Ignore({"cross_attention_pos_emb_scale"});
  }
  options.Finish();
  return fuser;
}

void CheckFusing(const config::Config& config, const FuserSpec& fuser, bool cross_attention,
                 config::OptionProblems& problems) {
  const std::vector<std::string> names = ConditionerNames(config);
  bool attended = false;
  for (const std::string& name : names) {
    const auto method = fuser.MethodOf(name);
    attended = attended || method == FuseMethod::kCross;
    if (method) continue;
    problems.AddWrong(
        "conditioners." + name,
        "stands in no list of fuser: generation raises an AssertionError (\"given conditions contain "
        "unknown attributes for fuser\")",
        fmt::format(
            "Add {} to fuser.cross, prepend or input_interpolate, as it was trained (sum takes only conditions of one step)",
            name));
  }
  if (!cross_attention || attended) return;
  const std::string present = names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
  const auto add = [&](const char* key, const std::string& what, const char* remedy) {
    problems.AddWrong(key,
                      fmt::format("{}, but no conditioner is fused by cross-attention (conditioners: {}): generation "
                                  "raises an AssertionError in StreamingTransformerLayer",
                                  what, present),
                      remedy);
  };
  if (fuser.cross.empty()) {
    return add("transformer_lm.cross_attention", "is true",
               "List a conditioner in fuser.cross, or set transformer_lm.cross_attention to false");
  }
  add("fuser.cross", fmt::format("names {}", fmt::join(fuser.cross, ", ")),
      "A name in fuser.cross must be one of conditioners, and in no list after cross (prepend, input_interpolate)");
}

}  // namespace harness::architecture
