#include "harness/config/option_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_set>

#include "harness/base/suggest.h"

namespace harness::config {

namespace {

constexpr size_t kMaxShown = 100;  // problems in one message; a file may bring a hundred thousand
constexpr size_t kMaxSuggestions = 100;

// Why a value is not what it looks like, and what to do.
struct Hint {
  std::string text = {};
  std::string remedy = {};
};

// Of a text that would be right without its quotes.
Hint ExplainQuotes(const ConfigValue& found, const std::string& path) {
  const auto* text = std::get_if<std::string>(&found.data);
  if (text == nullptr) return {};
  if (!found.environment.empty()) {
    return {" (oc.env makes a text of it)", fmt::format("Write the value of {} into the config", path)};
  }
  return {" (quotes, or an interpolation such as oc.env, make a text of it)",
          fmt::format("Write {} without quotes in {}, or wrap the interpolation in ${{oc.decode:...}}", *text, path)};
}

// Python takes any value as a condition, and every text but the empty one is true.
Hint ExplainTruth(const ConfigValue& found, const std::string& path) {
  const auto* text = std::get_if<std::string>(&found.data);
  if (text == nullptr) return {};
  const ConfigValue bare = found.WithoutQuotes();
  const auto* meant = std::get_if<bool>(&bare.data);
  const std::string taken = text->empty() ? "an empty text is false to Python" : "any text is true to Python";
  if (meant == nullptr || !found.environment.empty()) {
    return {fmt::format(" ({})", taken), fmt::format("Write true or false in {}", path)};
  }
  if (*meant == !text->empty()) return ExplainQuotes(found, path);
  return {fmt::format(" (quotes, or an interpolation such as oc.env, make a text of it, and {}: audiocraft builds the "
                      "model with it switched on)",
                      taken),
          fmt::format("Write {} without quotes in {}", *text, path)};
}

// The interpolation that a list or mapping in `value` comes from, where one is wholly the environment's (oc.decode):
// its keys and its length are, too.
std::optional<std::string> FindContainerOfEnvironment(const ConfigValue& value) {
  const auto* map = AsMap(value);
  const auto* list = std::get_if<ConfigValue::List>(&value.data);
  if (map == nullptr && list == nullptr) return std::nullopt;
  if (!value.environment.empty()) return value.environment;
  std::optional<std::string> written;
  for (size_t i = 0; map != nullptr && !written && i < map->size(); ++i)
    written = FindContainerOfEnvironment((*map)[i].second);
  for (size_t i = 0; list != nullptr && !written && i < list->size(); ++i)
    written = FindContainerOfEnvironment((*list)[i]);
  return written;
}

// What is said of a key: "is missing: ...".
std::string_view Said(const OptionProblem& problem) {
  std::string_view text = problem.text;
  return text.starts_with(problem.key + " ") ? text.substr(problem.key.size() + 1) : text;
}

// "A, B, C are missing: ..." in place of the same sentence for each.
std::vector<OptionProblem> FoldMissing(const std::vector<OptionProblem>& problems) {
  constexpr std::string_view kMissing = "is missing";
  std::vector<OptionProblem> folded;
  for (size_t i = 0; i < problems.size(); ++i) {
    const std::string_view said = Said(problems[i]);
    std::vector<std::string> keys = {problems[i].key};
    while (said.starts_with(kMissing) && i + 1 < problems.size() && Said(problems[i + 1]) == said &&
           keys.size() < kMaxShown) {
      keys.push_back(problems[++i].key);
    }
    folded.push_back(problems[i]);
    if (keys.size() == 1) continue;
    const std::string joined = fmt::format("{}", fmt::join(keys, ", "));
    folded.back().text = fmt::format("{} are missing{}", joined, said.substr(kMissing.size()));
    folded.back().remedy = "Set them to what the model was trained with";
  }
  return folded;
}

// One problem may be met twice (an option that encoder and decoder share), and some messages name the source already.
Error Join(ErrorCode code, const std::vector<OptionProblem>& found, const std::string& source) {
  const std::vector<OptionProblem> problems = FoldMissing(found);
  Error error{code, ""};
  std::vector<std::string_view> texts, remedies;
  std::unordered_set<std::string_view> seen, seen_remedies;
  for (const OptionProblem& problem : found) {
    if (seen.insert(problem.text).second) error.keys.push_back(problem.key);
  }
  seen.clear();
  const std::string prefix = source + ": ";
  for (const OptionProblem& problem : problems) {
    std::string_view text = problem.text;
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    if (!seen.insert(text).second) continue;
    if (seen.size() > kMaxShown) continue;
    texts.push_back(text);
    if (!problem.remedy.empty() && seen_remedies.insert(problem.remedy).second) remedies.push_back(problem.remedy);
  }
  const size_t hidden = seen.size() - texts.size();
  error.message =
      fmt::format("{}: {}{}", source, fmt::join(texts, "; "), hidden > 0 ? fmt::format("; and {} more", hidden) : "");
  error.remedy = fmt::format("{}", fmt::join(remedies, ". "));
  return error;
}

}  // namespace

void OptionProblems::AddWrong(const std::string& key, const std::string& what, std::string remedy) {
  wrong.push_back({key, fmt::format("{} {}", key, what), std::move(remedy)});
}

void OptionProblems::AddUnsupported(const std::string& key, const std::string& what, std::string remedy) {
  unsupported.push_back({key, fmt::format("{} {}", key, what), std::move(remedy)});
}

void OptionProblems::AddEnvironment(const std::string& key, const std::string& written) {
  environment.push_back(
      {key, fmt::format("{} {}", key, FindEnvironmentProblem(written)), "Write the value into the config"});
}

void OptionProblems::AddError(const std::string& key, const Error& error) {
  (error.code == ErrorCode::kUnsupported ? unsupported : wrong).push_back({key, error.message, error.remedy});
}

void OptionProblems::AddRemedies() {
  for (OptionProblem& problem : wrong) {
    if (problem.remedy.empty()) problem.remedy = fmt::format("Set {} to what the model was trained with", problem.key);
  }
}

Status OptionProblems::ToStatus(const std::string& source) const {
  if (!environment.empty()) return Join(ErrorCode::kUnsupported, environment, source);
  if (!wrong.empty()) return Join(ErrorCode::kMismatch, wrong, source);
  if (!unsupported.empty()) return Join(ErrorCode::kUnsupported, unsupported, source);
  return {};
}

OptionReader::OptionReader(const ConfigValue::Map& map, std::string path, std::string callee, OptionProblems& problems,
                           std::string consequence)
    : map_(map),
      path_(std::move(path)),
      callee_(std::move(callee)),
      consequence_(std::move(consequence)),
      problems_(problems) {}

std::string OptionReader::Path(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void OptionReader::Wrong(std::string_view key, const std::string& what, std::string remedy) {
  problems_.AddWrong(Path(key), what, std::move(remedy));
}

void OptionReader::Unsupported(std::string_view key, const std::string& what, std::string remedy) {
  problems_.AddUnsupported(Path(key), what, std::move(remedy));
}

bool OptionReader::IsOfEnvironment(std::string_view key, const ConfigValue& value) {
  if (value.environment.empty()) return false;
  problems_.AddEnvironment(Path(key), value.environment);
  return true;
}

void OptionReader::WrongType(std::string_view key, const std::string& expected, const ConfigValue& found) {
  Wrong(key, fmt::format("must be {}, found {}", expected, found.Describe()));
}

bool OptionReader::Has(std::string_view key) const {
  return std::any_of(map_.begin(), map_.end(), [&](const auto& entry) { return entry.first == key; });
}

const ConfigValue* OptionReader::Take(std::string_view key, bool required, std::string remedy) {
  known_.emplace(key);
  for (const auto& [name, value] : map_) {
    if (name == key) return &value;
  }
  if (required) Wrong(key, fmt::format("is missing: {} needs it", callee_), std::move(remedy));
  return nullptr;
}

const ConfigValue* OptionReader::Raw(std::string_view key) { return Take(key, false); }

int64_t OptionReader::Int(std::string_view key, std::optional<int64_t> fallback, int64_t min, int64_t max) {
  const ConfigValue* value = Take(key, !fallback);
  const int64_t substitute = fallback.value_or(min);
  if (value == nullptr) return substitute;
  const auto* number = std::get_if<int64_t>(&value->data);
  const auto* flag = std::get_if<bool>(&value->data);
  const int64_t as_number = flag != nullptr && *flag ? 1 : 0;  // in Python a bool is an int
  if (flag != nullptr) number = &as_number;
  if (number == nullptr) {
    const bool quoted = std::holds_alternative<int64_t>(value->WithoutQuotes().data);
    const Hint hint = quoted ? ExplainQuotes(*value, Path(key)) : Hint{};
    Wrong(key, fmt::format("must be an integer, found {}{}", value->Describe(), hint.text), hint.remedy);
    return substitute;
  }
  if (IsOfEnvironment(key, *value)) return substitute;
  if (*number < min || *number > max) {
    Wrong(key, fmt::format("must be between {} and {}, found {}", min, max, *number));
    return substitute;
  }
  return *number;
}

double OptionReader::Float(std::string_view key, std::optional<double> fallback) {
  const ConfigValue* value = Take(key, !fallback);
  if (value == nullptr) return fallback.value_or(0);
  const auto* real = std::get_if<double>(&value->data);
  const auto* integer = std::get_if<int64_t>(&value->data);
  if ((real != nullptr || integer != nullptr) && IsOfEnvironment(key, *value)) return fallback.value_or(0);
  if (real != nullptr) return *real;
  if (integer != nullptr) return static_cast<double>(*integer);
  const ConfigValue bare = value->WithoutQuotes();
  const bool number = std::holds_alternative<double>(bare.data) || std::holds_alternative<int64_t>(bare.data);
  const Hint hint = number ? ExplainQuotes(*value, Path(key)) : Hint{};
  Wrong(key, fmt::format("must be a number, found {}{}", value->Describe(), hint.text), hint.remedy);
  return fallback.value_or(0);
}

bool OptionReader::Bool(std::string_view key, std::optional<bool> fallback) {
  const ConfigValue* value = Take(key, !fallback);
  if (value == nullptr) return fallback.value_or(false);
  // Python takes any value as a condition. Numbers and null can only be meant so; but a quoted 'false' is text, and
  // text is true.
  const bool is_text = std::holds_alternative<std::string>(value->data);
  const bool is_list = std::holds_alternative<ConfigValue::List>(value->data);
  if (!is_text && !is_list && AsMap(*value) == nullptr) {
    return IsOfEnvironment(key, *value) ? fallback.value_or(false) : IsTruthy(value);
  }
  const Hint hint = ExplainTruth(*value, Path(key));
  Wrong(key, fmt::format("must be true or false, found {}{}", value->Describe(), hint.text), hint.remedy);
  return fallback.value_or(false);
}

std::string OptionReader::String(std::string_view key, const std::optional<std::string>& fallback) {
  const std::optional<std::string> text = TakeString(key, !fallback);
  if (text && !IsOfEnvironment(key, *Raw(key))) return *text;
  return fallback.value_or("");
}

std::optional<std::string> OptionReader::TakeString(std::string_view key, bool required) {
  const ConfigValue* value = Take(key, required);
  if (value == nullptr) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&value->data)) return *text;
  WrongType(key, "a text", *value);
  return std::nullopt;
}

std::string OptionReader::Choice(std::string_view key, std::optional<std::string> fallback,
                                 const std::vector<std::string>& choices) {
  const std::string substitute = fallback.value_or(choices.front());
  const std::optional<std::string> text = TakeString(key, !fallback);
  if (!text) return substitute;
  const ConfigValue& value = *Raw(key);
  if (std::find(choices.begin(), choices.end(), *text) != choices.end()) {
    return IsOfEnvironment(key, value) ? substitute : *text;
  }
  const auto near = value.environment.empty() ? FindNearestTypo(*text, choices) : std::nullopt;
  Wrong(key,
        fmt::format("must be one of {}, found {}{}", fmt::join(choices, ", "),
                    value.environment.empty() ? fmt::format("'{}'", *text) : value.Describe(),
                    near ? fmt::format(" (did you mean '{}'?)", *near) : ""),
        near ? fmt::format("Set {}: {} in xp.cfg", Path(key), *near)
        : consequence_.empty()
            ? ""
            : fmt::format("Set {} to the one of these that the model was trained with. What a fork of "
                          "audiocraft added loads in that fork only",
                          Path(key)));
  return substitute;
}

std::optional<int64_t> OptionReader::NullableInt(std::string_view key) {
  const ConfigValue* value = Take(key, false);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return Int(key, 0, std::numeric_limits<int32_t>::min());
}

std::optional<double> OptionReader::NullableFloat(std::string_view key) {
  const ConfigValue* value = Take(key, false);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return Float(key, 0);
}

std::optional<std::string> OptionReader::NullableString(std::string_view key) {
  const ConfigValue* value = Take(key, false);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return String(key, "");
}

std::vector<int64_t> OptionReader::IntList(std::string_view key, std::optional<std::vector<int64_t>> fallback) {
  const ConfigValue* value = Take(key, !fallback);
  std::vector<int64_t> substitute = std::move(fallback).value_or(std::vector<int64_t>{});
  if (value == nullptr) return substitute;
  const auto* list = std::get_if<ConfigValue::List>(&value->data);
  std::vector<int64_t> numbers;
  for (const ConfigValue& item : list != nullptr ? *list : ConfigValue::List{}) {
    const auto* number = std::get_if<int64_t>(&item.data);
    if (number == nullptr || *number < -kMaxSize || *number > kMaxSize) {
      const std::string of_item = fmt::format("{}[{}]", key, numbers.size());
      const bool quoted = std::holds_alternative<int64_t>(item.WithoutQuotes().data);
      const Hint hint = quoted ? ExplainQuotes(item, Path(of_item)) : Hint{};
      Wrong(of_item, fmt::format("must be an integer, found {}{}", item.Describe(), hint.text), hint.remedy);
      return substitute;
    }
    if (IsOfEnvironment(fmt::format("{}[{}]", key, numbers.size()), item)) return substitute;
    numbers.push_back(*number);
  }
  if (list != nullptr) return numbers;
  WrongType(key, "a list of integers", *value);
  return substitute;
}

std::vector<std::string> OptionReader::StringList(std::string_view key,
                                                  std::optional<std::vector<std::string>> fallback) {
  const ConfigValue* value =
      Take(key, !fallback, fmt::format("Set {}: [] in xp.cfg where nothing is listed", Path(key)));
  std::vector<std::string> substitute = std::move(fallback).value_or(std::vector<std::string>{});
  if (value == nullptr) return substitute;
  std::vector<std::string> texts;
  // Iterating over these finds nothing, either.
  if (const auto* map = AsMap(*value); map != nullptr && map->empty()) return texts;
  if (const auto* text = std::get_if<std::string>(&value->data); text != nullptr && text->empty()) return texts;
  const auto* list = std::get_if<ConfigValue::List>(&value->data);
  for (const ConfigValue& item : list != nullptr ? *list : ConfigValue::List{}) {
    const auto* text = std::get_if<std::string>(&item.data);
    if (text == nullptr) {
      Wrong(fmt::format("{}[{}]", key, texts.size()), fmt::format("must be a text, found {}", item.Describe()));
      return substitute;
    }
    if (IsOfEnvironment(fmt::format("{}[{}]", key, texts.size()), item)) return substitute;
    texts.push_back(*text);
  }
  if (list != nullptr) return texts;
  WrongType(key, "a list of texts", *value);
  return substitute;
}

void OptionReader::Ignore(const std::vector<std::string>& keys) { known_.insert(keys.begin(), keys.end()); }

void OptionReader::Finish() {
  const std::vector<std::string> candidates(known_.begin(), known_.end());
  size_t unknown = 0;
  for (const auto& [name, value] : map_) {
    if (known_.contains(name)) continue;
    // A message shows a few; a file may bring a hundred thousand.
    const auto near = ++unknown <= kMaxSuggestions ? FindNearestTypo(name, candidates) : std::nullopt;
    const char* of_fork = ", unless a fork of audiocraft has it: then only that fork loads this export";
    Wrong(name,
          fmt::format("is not a parameter of {}{}{}", callee_, consequence_,
                      near ? fmt::format(": did you mean {}?", *near) : ""),
          near ? fmt::format("Rename {} to {}", Path(name), *near)
               : fmt::format("Remove what is not a parameter{}", consequence_.empty() ? "" : of_fork));
  }
}

bool IsTruthy(const ConfigValue* value) {
  if (value == nullptr || value->is_null()) return false;
  if (const auto* flag = std::get_if<bool>(&value->data)) return *flag;
  if (const auto* number = std::get_if<int64_t>(&value->data)) return *number != 0;
  if (const auto* number = std::get_if<double>(&value->data)) return *number != 0;
  if (const auto* text = std::get_if<std::string>(&value->data)) return !text->empty();
  if (const auto* list = std::get_if<ConfigValue::List>(&value->data)) return !list->empty();
  return !std::get<ConfigValue::Map>(value->data).empty();
}

const ConfigValue::Map* AsMap(const ConfigValue& value) { return std::get_if<ConfigValue::Map>(&value.data); }

std::optional<ConfigValue> ReadMapping(const Config& config, const std::string& path, OptionProblems& problems) {
  auto value = config.Get(path);
  if (!value.ok()) {
    problems.AddError(path, value.error());
    return std::nullopt;
  }
  if (AsMap(*value) == nullptr) {
    problems.AddWrong(path, "must be a mapping, found " + value->Describe());
    return std::nullopt;
  }
  if (const auto written = FindContainerOfEnvironment(*value)) {
    problems.AddEnvironment(path, *written);
    return std::nullopt;
  }
  return std::move(value).value();
}

}  // namespace harness::config
