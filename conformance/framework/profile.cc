#include "conformance/framework/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "harness/config/config.h"
#include "harness/config/option_reader.h"

namespace conformance {
namespace {

using harness::Error;
using harness::ErrorCode;
using harness::config::ConfigValue;
using harness::config::OptionProblems;
using harness::config::OptionReader;

void CollectKeys(const ConfigValue::Map& map, const std::string& prefix, std::vector<std::string>& keys) {
  for (const auto& [name, value] : map) {
    if (const auto* inner = std::get_if<ConfigValue::Map>(&value.data)) {
      CollectKeys(*inner, prefix + name + ".", keys);
    } else {
      keys.push_back(prefix + name);
    }
  }
}

constexpr int64_t kMaxFloat16Steps = 100;
constexpr double kMaxDurationS = 300;

void ReadPrompts(OptionReader& options, Profile& profile) {
  const ConfigValue* value = options.Raw("prompts");
  if (value == nullptr) return;
  const auto* list = std::get_if<ConfigValue::List>(&value->data);
  if (list == nullptr || list->empty() || list->size() > kMaxPrompts) {
    options.Wrong("prompts", fmt::format("must be a list of 1 to {} texts (null: unconditional)", kMaxPrompts));
    return;
  }
  profile.prompts.clear();
  for (const ConfigValue& item : *list) {
    const auto* text = std::get_if<std::string>(&item.data);
    if (text == nullptr && !item.is_null()) {
      options.Wrong("prompts", "must hold texts or null, found " + item.Describe());
      return;
    }
    profile.prompts.push_back(text != nullptr ? std::optional(*text) : std::nullopt);
  }
}

void ReadGeneration(const ConfigValue::Map& map, Profile& profile, OptionProblems& problems) {
  OptionReader options(map, "generation", "the profile", problems, "");
  ReadPrompts(options, profile);
  profile.duration_s = options.Float("duration_s", profile.duration_s);
  profile.sampling = options.Choice("sampling", profile.sampling, {"top_k", "greedy", "top_p"});
  profile.top_k = options.Int("top_k", profile.top_k);
  profile.top_p = options.Float("top_p", profile.top_p);
  profile.temperature = options.Float("temperature", profile.temperature);
  profile.cfg_coef = options.Float("cfg_coef", profile.cfg_coef);
  profile.two_step_cfg = options.Bool("two_step_cfg", profile.two_step_cfg);
  profile.seed = options.Int("seed", profile.seed, 0);
  profile.float16_steps = options.Int("float16_steps", profile.float16_steps, 0);
  profile.melody = options.NullableString("melody");
  options.Finish();
  if (!(profile.duration_s > 0 && profile.duration_s <= kMaxDurationS)) {
    options.Wrong("duration_s",
                  fmt::format("must be above 0 and at most {}, found {}", kMaxDurationS, profile.duration_s));
  }
  if (profile.float16_steps > kMaxFloat16Steps) {
    options.Wrong("float16_steps",
                  fmt::format("must be between 0 and {}, found {}", kMaxFloat16Steps, profile.float16_steps));
  }
  if (!(profile.temperature > 0)) options.Wrong("temperature", "must be above 0 (greedy is sampling: greedy)");
  if (profile.sampling == "top_p" && !(profile.top_p > 0 && profile.top_p <= 1)) {
    options.Wrong("top_p", "must be above 0 and at most 1 with sampling: top_p");
  }
}

void ReadLimits(const ConfigValue::Map& map, Profile& profile, OptionProblems& problems) {
  OptionReader options(map, "limits", "the catalogue", problems, "");
  for (const Limit& limit : kLimits) {
    // A limit's own name holds a dot: in YAML it is a key in quotes or not, never a path.
    if (options.Has(limit.name)) profile.limits[limit.name] = options.Float(limit.name, limit.value);
    options.Ignore({limit.name});
  }
  options.Finish();
}

}  // namespace

harness::Result<Profile> ParseProfile(const std::string& yaml, const std::string& source) {
  Profile profile;
  if (yaml.find_first_not_of(" \t\r\n") == std::string::npos) return profile;
  HARNESS_ASSIGN_OR_RETURN(const harness::config::Config config, harness::config::Config::Parse(yaml, source));
  HARNESS_ASSIGN_OR_RETURN(ConfigValue tree, config.Get(""));
  tree.MarkAsEnvironment("");  // the profile is the user's own: it may take from the environment what it likes
  const auto* map = std::get_if<ConfigValue::Map>(&tree.data);
  if (map == nullptr) return Error{ErrorCode::kMismatch, source + ": a profile is a mapping"};
  OptionProblems problems;
  OptionReader options(*map, "", "the profile", problems, "");
  if (options.Has("devices")) {
    profile.devices = options.StringList("devices", profile.devices);
    for (const std::string& device : profile.devices) {
      if (device != "cpu" && device != "cuda")
        options.Wrong("devices", fmt::format("knows cpu and cuda, found '{}'", device));
    }
  }
  profile.reference_audio = options.NullableString("reference_audio");
  profile.expect_trained = options.Bool("expect_trained", true);
  profile.trained_with_codec = options.NullableString("trained_with_codec");
  profile.belonging = options.Choice("belonging", profile.belonging, {"quick", "default", "all"});
  for (const char* section : {"generation", "limits"}) {
    const ConfigValue* value = options.Raw(section);
    if (value == nullptr || value->is_null()) continue;
    const auto* inner = std::get_if<ConfigValue::Map>(&value->data);
    if (inner == nullptr) {
      options.Wrong(section, "must be a mapping, found " + value->Describe());
    } else if (std::string_view(section) == "generation") {
      ReadGeneration(*inner, profile, problems);
    } else {
      ReadLimits(*inner, profile, problems);
    }
  }
  options.Finish();
  if (harness::Status status = problems.ToStatus(source); !status.ok()) return status.error();
  CollectKeys(*map, "", profile.keys);
  return profile;
}

harness::Result<Profile> ReadProfile(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return Error{ErrorCode::kNotFound, fmt::format("CONFORMANCE_PROFILE: {} is not a file", path.string())};
  }
  if (std::filesystem::file_size(path, error) > (1 << 20)) {
    return Error{ErrorCode::kMismatch, fmt::format("CONFORMANCE_PROFILE: {} is larger than 1 MiB", path.string())};
  }
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  if (!stream) return Error{ErrorCode::kIo, fmt::format("CONFORMANCE_PROFILE: {} can't be read", path.string())};
  return ParseProfile(text.str(), path.string());
}

}  // namespace conformance
