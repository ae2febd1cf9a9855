#include "harness/architecture/pattern_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace harness::architecture {
namespace {

using Kind = PatternSpec::Kind;

// More steps than any model has trained with; keeps a layout's size in range.
constexpr int64_t kMaxSteps = 100000;

// A list that Python takes as None where it is absent or null.
std::optional<std::vector<int64_t>> NullableList(config::OptionReader& options, std::string_view key) {
  const config::ConfigValue* value = options.Raw(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return options.IntList(key, std::vector<int64_t>{});
}

void ReadArguments(const config::ConfigValue::Map& map, PatternSpec& pattern, config::OptionProblems& problems) {
  const auto reader = [&](const char* provider) {
    return config::OptionReader(map, "codebooks_pattern." + pattern.modeling, provider, problems);
  };
  const auto delays = [&](config::OptionReader& options) {
    if (auto list = NullableList(options, "delays")) {
      pattern.delays = *std::move(list);
      pattern.explicit_delays = true;
    }
  };
  const auto finish = [](config::OptionReader& options) {
    options.Ignore({"n_q"});
    if (options.Has("n_q")) options.Wrong("n_q", "is given twice (TypeError)", "Remove " + options.Path("n_q"));
    options.Finish();
  };
  switch (pattern.kind) {
    case Kind::kDelay: {
      config::OptionReader options = reader("DelayedPatternProvider");
      delays(options);
      pattern.flatten_first = options.Int("flatten_first", 0, 0, kMaxSteps);
      pattern.empty_initial = options.Int("empty_initial", 0, -kMaxSteps, kMaxSteps);
      return finish(options);
    }
    case Kind::kParallel: {
      config::OptionReader options = reader("ParallelPatternProvider");
      pattern.empty_initial = options.Int("empty_initial", 0, -kMaxSteps, kMaxSteps);
      return finish(options);
    }
    case Kind::kUnroll: {
      config::OptionReader options = reader("UnrolledPatternProvider");
      if (auto list = NullableList(options, "flattening")) pattern.flattening = *std::move(list);
      delays(options);
      return finish(options);
    }
    case Kind::kCoarseFirst: {
      config::OptionReader options = reader("CoarseFirstPattern");
      delays(options);
      return finish(options);
    }
    case Kind::kMusicLm: {
      config::OptionReader options = reader("MusicLMPattern");
      pattern.group_by = options.Int("group_by", 2, -kMaxSteps, kMaxSteps);
      return finish(options);
    }
  }
}

void SetKind(PatternSpec& pattern, int64_t num_codebooks) {
  static const std::map<std::string, Kind, std::less<>> kinds = {{"parallel", Kind::kParallel},
                                                                 {"unroll", Kind::kUnroll},
                                                                 {"coarse_first", Kind::kCoarseFirst},
                                                                 {"musiclm", Kind::kMusicLm}};
  if (const auto found = kinds.find(pattern.modeling); found != kinds.end()) pattern.kind = found->second;
  const bool rising = pattern.kind == Kind::kDelay;
  const int64_t count = num_codebooks - (pattern.kind == Kind::kCoarseFirst ? 1 : 0);
  for (int64_t k = 0; k < count; ++k) pattern.delays.push_back(rising ? k : 0);
  for (int64_t k = 0; k < num_codebooks && pattern.kind == Kind::kUnroll; ++k) pattern.flattening.push_back(k);
}

Status CheckList(const std::string& path, const std::vector<int64_t>& list, int64_t expected, const std::string& what,
                 const std::string& one_each) {
  if (static_cast<int64_t>(list.size()) != expected) {
    return Error{ErrorCode::kMismatch, fmt::format("{} has {} entries, {}: {}", path, list.size(), what, one_each)};
  }
  if (!std::is_sorted(list.begin(), list.end())) {
    return Error{ErrorCode::kMismatch, fmt::format("{} must not fall from one codebook to the next, found [{}]", path,
                                                   fmt::join(list, ", "))};
  }
  return {};
}

}  // namespace

int64_t PatternSpec::max_delay() const {
  return delays.empty() ? 0 : std::max(int64_t{0}, *std::max_element(delays.begin(), delays.end()));
}

PatternSpec ReadPattern(const config::Config& config, int64_t num_codebooks,
                        const std::optional<std::string>& q_modeling, config::OptionProblems& problems) {
  static const std::vector<std::string> kChoices = {"parallel", "delay", "unroll", "coarse_first", "musiclm"};
  PatternSpec pattern;
  pattern.modeling = "delay";
  // get_codebooks_pattern_provider looks at nothing but these two: another pattern's options may be anything.
  const auto modeling = config.Get("codebooks_pattern.modeling");
  if (!modeling.ok()) {
    problems.AddError("codebooks_pattern.modeling", modeling.error());
    SetKind(pattern, num_codebooks);
    return pattern;
  }
  if (modeling->is_null()) {
    // get_lm_model then makes a pattern of its own, with delays 0, 1, ...: what stands beside `modeling` is not read.
    if (!q_modeling) {
      problems.AddWrong("codebooks_pattern.modeling",
                        "is null, and so is transformer_lm.q_modeling: one of them must name a pattern (AssertionError "
                        "when the model is built)");
    } else if (std::find(kChoices.begin(), kChoices.end(), *q_modeling) == kChoices.end()) {
      problems.AddWrong("transformer_lm.q_modeling",
                        fmt::format("must be one of {}, found '{}'", fmt::join(kChoices, ", "), *q_modeling));
    } else {
      pattern.modeling = *q_modeling;
    }
    SetKind(pattern, num_codebooks);
    return pattern;
  }
  const config::ConfigValue::Map chosen = {{"modeling", *modeling}};
  config::OptionReader options(chosen, "codebooks_pattern", "get_codebooks_pattern_provider", problems);
  pattern.modeling = options.Choice("modeling", "delay", kChoices);
  SetKind(pattern, num_codebooks);
  const std::string path = "codebooks_pattern." + pattern.modeling;
  if (!config.Has(path)) {
    ReadArguments({}, pattern, problems);
  } else if (const auto arguments = config::ReadMapping(config, path, problems)) {
    ReadArguments(*config::AsMap(*arguments), pattern, problems);
  }
  return pattern;
}

Status CheckPattern(const PatternSpec& spec, int64_t num_codebooks) {
  const std::string path = "codebooks_pattern." + spec.modeling;
  const std::string what = fmt::format("transformer_lm.n_q is {}", num_codebooks);
  switch (spec.kind) {
    case Kind::kParallel:
    case Kind::kMusicLm: return {};
    case Kind::kDelay: return CheckList(path + ".delays", spec.delays, num_codebooks, what, "one delay a codebook");
    case Kind::kCoarseFirst:
      return CheckList(path + ".delays", spec.delays, num_codebooks - 1, what,
                       "one delay for each codebook after the first");
    case Kind::kUnroll: break;
  }
  HARNESS_RETURN_IF_ERROR(
      CheckList(path + ".flattening", spec.flattening, num_codebooks, what, "one place for each codebook"));
  HARNESS_RETURN_IF_ERROR(CheckList(path + ".delays", spec.delays, num_codebooks, what, "one delay a codebook"));
  for (size_t k = 1; k < spec.delays.size(); ++k) {
    if (spec.flattening[k] != spec.flattening[k - 1] || spec.delays[k] == spec.delays[k - 1]) continue;
    return Error{ErrorCode::kMismatch,
                 fmt::format("{}: codebooks {} and {} are flattened to the same place, {}, but delayed by {} and {}: "
                             "they need one delay",
                             path, k - 1, k, spec.flattening[k], spec.delays[k - 1], spec.delays[k])};
  }
  return {};
}

}  // namespace harness::architecture
