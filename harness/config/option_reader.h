// Reads one mapping of a config as the keyword arguments of a Python callable, collecting every problem instead of
// stopping at the first: what is missing, of another type, out of range, or not a parameter at all (TypeError there).
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/config/config.h"

namespace harness::config {

// What is wrong with one option.
struct OptionProblem {
  std::string key;          // its path: "transformer_lm.dim"
  std::string text;         // a sentence that names it
  std::string remedy = {};  // what to do, as a sentence of its own; empty where nothing is known
};

// Problems that make the reference raise (or be silently wrong), and options that this suite can't judge.
struct OptionProblems {
  std::vector<OptionProblem> wrong;
  std::vector<OptionProblem> unsupported;
  std::vector<OptionProblem> environment;  // options whose value is the environment's: what the others say is void

  // "KEY WHAT": `what` goes on where the key stops.
  void AddWrong(const std::string& key, const std::string& what, std::string remedy = {});
  void AddUnsupported(const std::string& key, const std::string& what, std::string remedy = {});
  // `written`: the interpolation that the value at `key` comes from (ConfigValue::environment).
  void AddEnvironment(const std::string& key, const std::string& written);
  void AddError(const std::string& key, const Error& error);
  // Gives what is wrong and has no remedy the general one: the value that the model was trained with.
  void AddRemedies();

  // kUnsupported naming the environment's options; else kMismatch naming everything that is wrong; else kUnsupported
  // naming every option; else ok. The error has the keys of all that it names.
  Status ToStatus(const std::string& source) const;
};

class OptionReader {
 public:
  // `map` must outlive the reader; `path` is its key path ("transformer_lm"; empty: the root); `callee` takes the
  // arguments. An unknown key is reported with `consequence`; empty: the callee is not of audiocraft.
  OptionReader(const ConfigValue::Map& map, std::string path, std::string callee, OptionProblems& problems,
               std::string consequence = " (TypeError when it is built)");

  // A value without a default is required. On a problem the default, or a harmless value, is returned.
  int64_t Int(std::string_view key, std::optional<int64_t> fallback, int64_t min = 1, int64_t max = kMaxSize);
  double Float(std::string_view key, std::optional<double> fallback);
  bool Bool(std::string_view key, std::optional<bool> fallback);
  std::string String(std::string_view key, const std::optional<std::string>& fallback);
  // As String, and one of `choices`.
  std::string Choice(std::string_view key, std::optional<std::string> fallback,
                     const std::vector<std::string>& choices);
  std::optional<int64_t> NullableInt(std::string_view key);
  std::optional<double> NullableFloat(std::string_view key);
  std::optional<std::string> NullableString(std::string_view key);
  std::vector<int64_t> IntList(std::string_view key, std::optional<std::vector<int64_t>> fallback);
  std::vector<std::string> StringList(std::string_view key, std::optional<std::vector<std::string>> fallback);
  const ConfigValue* Raw(std::string_view key);  // null where absent

  bool Has(std::string_view key) const;
  // Takes these keys without looking at them: parameters that inference never reads.
  void Ignore(const std::vector<std::string>& keys);
  // What was not asked for is not a parameter of the callee: reported, with the nearest one that is.
  void Finish();

  std::string Path(std::string_view key) const;
  void Wrong(std::string_view key, const std::string& what, std::string remedy = {});
  void Unsupported(std::string_view key, const std::string& what, std::string remedy = {});
  // Notes that the value, which is of the right type, is the environment's: nothing is built from it, so that no later
  // message shows it. False for every other value.
  bool IsOfEnvironment(std::string_view key, const ConfigValue& value);
  bool all_right() const { return problems_.wrong.empty(); }  // so far, in all that shares `problems`

  // No dimension of any model is larger; keeps every product of two in range.
  static constexpr int64_t kMaxSize = int64_t{1} << 24;

 private:
  const ConfigValue* Take(std::string_view key, bool required, std::string remedy = {});
  void WrongType(std::string_view key, const std::string& expected, const ConfigValue& found);
  std::optional<std::string> TakeString(std::string_view key, bool required);  // of the environment as well

  const ConfigValue::Map& map_;
  std::string path_;
  std::string callee_;
  std::string consequence_;
  OptionProblems& problems_;
  std::set<std::string, std::less<>> known_;
};

// As Python's `if value:` takes it; null is absent.
bool IsTruthy(const ConfigValue* value);

// The mapping in `value`, or null.
const ConfigValue::Map* AsMap(const ConfigValue& value);

// The mapping at `path`, wholly resolved as dict_from_config resolves it; nullopt with the problem noted.
std::optional<ConfigValue> ReadMapping(const Config& config, const std::string& path, OptionProblems& problems);

}  // namespace harness::config
