// What edits of a config are made of: the shapes that were found, and the values that they suggest.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "harness/architecture/agreement.h"
#include "harness/config/config.h"

namespace harness::architecture {

// A value as it would stand in YAML, on one line: "24", "[8, 5, 4, 4]", "null".
std::string FormatYaml(const config::ConfigValue& value);

struct ConfigEdit {
  std::string key;
  config::ConfigValue value;
  std::string Text() const;  // "transformer_lm.num_layers: 24", as it would stand in YAML
};

// Numbers beyond any model, which a file may hold all the same, make no candidate.
inline constexpr int64_t kLargestEdit = int64_t{1} << 24;

// What the file has, by name.
class FoundShapes {
 public:
  explicit FoundShapes(const std::vector<FoundTensor>& tensors) {
    for (const FoundTensor& tensor : tensors) {
      names_.push_back(tensor.name);
      shapes_[tensor.name] = &tensor.shape;
    }
  }
  bool Has(const std::string& name) const { return shapes_.contains(name); }
  // The size of a dimension, 0 where the tensor or the dimension isn't there.
  int64_t Size(const std::string& name, size_t dimension) const {
    const auto found = shapes_.find(name);
    return found == shapes_.end() || dimension >= found->second->size() ? 0 : (*found->second)[dimension];
  }
  // Modules of a list. Each has a tensor at least: a larger number stands in a name that no list explains.
  int Count(std::string_view prefix) const {
    const int count = CountModules(names_, prefix);
    return static_cast<size_t>(count) <= names_.size() ? count : 0;
  }
  bool AnyWith(std::string_view part) const {
    return std::any_of(names_.begin(), names_.end(),
                       [&](const std::string& name) { return name.find(part) != std::string::npos; });
  }

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string, const std::vector<int64_t>*> shapes_;
};

// Edits to try, the likelier first.
class EditCandidates {
 public:
  explicit EditCandidates(const config::Config& config) : config_(config) {}

  // The value is set in place: a ConfigValue that moves makes GCC 12 warn of what is not there.
  config::ConfigValue& Add(std::string key) {
    ConfigEdit& edit = list_.emplace_back();
    edit.key = std::move(key);
    return edit.value;
  }
  void Number(const std::string& key, int64_t value, int64_t least = 1) {
    if (value >= least && value <= kLargestEdit) Add(key).data = value;
  }
  void Flag(const std::string& key, bool value) { Add(key).data = value; }
  void Text(const std::string& key, const char* value) { Add(key).data = std::string(value); }
  // An edit that changes nothing is no suggestion.
  std::vector<ConfigEdit> Take() {
    std::erase_if(list_, [&](const ConfigEdit& edit) {
      const auto present = config_.Get(edit.key);
      return present.ok() && FormatYaml(*present) == FormatYaml(edit.value);
    });
    return std::move(list_);
  }

 private:
  const config::Config& config_;
  std::vector<ConfigEdit> list_;
};

}  // namespace harness::architecture
