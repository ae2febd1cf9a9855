// A config tree as OmegaConf reads it: typed scalars, `???`, interpolation resolved when a value is read.
//
// What is never read is never resolved, as in the reference: a broken interpolation in a subtree that nobody asks for
// is harmless. Every error names the full key path ("transformer_lm.dim") and the source (the file of the config).
// Source: OmegaConf 2.3 (omegaconf/_utils.py get_yaml_loader, grammar/*.g4, base.py), audiocraft 1.3.0's use of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"
#include "harness/config/value.h"

namespace harness::config {

class Config {
 public:
  // `source` is named in every message: "state_dict.bin: xp.cfg".
  // Errors: kCorrupt (not YAML, duplicate key, not a mapping, a malformed interpolation anywhere, more than 100,000
  // values, 200 levels or 8 MiB), with line, column and key path.
  static Result<Config> Parse(std::string_view yaml, std::string source,
                              Environment environment = ProcessEnvironment());
  // From a tree that is not text (a pickled dict). Strings in it may hold interpolations, as OmegaConf.create allows.
  static Result<Config> FromValue(ConfigValue tree, std::string source, Environment environment = ProcessEnvironment());

  const std::string& source() const;

  // The value at `path` ("a.b.c"; "a.0" or "a[0]" indexes a list; "a[b.c]" is a key with a dot; "" is the root), wholly
  // resolved, subtrees included. Only text keys can be reached; in a returned Map, keys of other types are written as
  // Python writes them ("1", "True").
  // A `???` inside of a subtree comes back as that text, as from OmegaConf.to_container(resolve=True), which the
  // reference uses: only `???` at `path` itself, or behind an interpolation, is an error.
  // Errors: kNotFound (no such key, or `???`), kMismatch (broken interpolation, unset variable, a cycle, a path through
  // null or another plain value, an unknown resolver), kUnsupported (oc.create; bytes and paths).
  Result<ConfigValue> Get(std::string_view path) const;

  // Whether the key is there at all (also when it is null or `???`). The value itself is not resolved; interpolations
  // on the way to it are, and where one is broken the answer is no.
  bool Has(std::string_view path) const;
  // The keys of the mapping at `path` ("" is the root), in file order; the values are not resolved. Errors as for Get.
  Result<std::vector<std::string>> Keys(std::string_view path) const;

  // Typed reads. kMismatch when the type is another: "transformer_lm.dim must be an integer, found the text '32'".
  // kUnsupported for a value of the environment: who loads the export has another.
  // An integer is accepted where a float is expected; nothing else is converted.
  Result<int64_t> GetInt(std::string_view path) const;
  Result<double> GetFloat(std::string_view path) const;
  Result<bool> GetBool(std::string_view path) const;
  Result<std::string> GetString(std::string_view path) const;
  Result<std::vector<int64_t>> GetIntList(std::string_view path) const;
  Result<std::vector<std::string>> GetStringList(std::string_view path) const;

  // As the reference changes a loaded config before it builds (cfg.device, deleted keys): on a copy. As
  // OmegaConf.update does it, mappings on the way are made where there are none (and replace what is no mapping or
  // list); a list takes an index of an item or the one behind the last, and is left alone for any other. Interpolations
  // on the way are not followed. Texts may hold interpolations; a malformed one fails when it is read. What is not
  // there is not removed.
  Config With(std::string_view path, ConfigValue value) const;
  Config Without(std::string_view path) const;

 private:
  struct Tree;
  explicit Config(std::shared_ptr<const Tree> tree);
  template <class T>
  Result<T> Read(std::string_view path) const;

  std::shared_ptr<const Tree> tree_;
};

}  // namespace harness::config
