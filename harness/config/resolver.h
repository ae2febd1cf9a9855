// Reading a Tree: interpolations are followed where a value is read, and only there.
//
// The rules are OmegaConf's: a whole value that is one interpolation keeps the type of its target (a subtree too), an
// interpolation inside a longer text inserts Python's str() of it, `${.x}` starts from the mapping or list that holds
// the value. Cycles, and interpolations that multiply without bound, are errors. Source: OmegaConf 2.3 base.py
// (_select_impl, _resolve_node_interpolation), basecontainer.py (_to_content), resolvers/oc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "harness/base/result.h"
#include "harness/config/tree.h"
#include "harness/config/value.h"

namespace harness::config::internal {

// What an interpolation, or a step along a path, arrives at: a place in the tree, or a value made by a resolver.
struct Resolved {
  std::optional<NodeId> node;
  ConfigValue value;  // where there is no node
  bool is_config =
      false;  // `value` is a list that OmegaConf can still index (oc.dict.keys), not a plain one (oc.decode)
};

ConfigValue FromScalar(const Scalar& scalar);

// A path in a message; the root has none.
std::string NamePath(std::string_view path);

// One read. It keeps what is being resolved right now, so it must not be used for two reads at once.
class Resolver {
 public:
  // Both must outlive the resolver.
  Resolver(const Tree& tree, const Environment& environment) : tree_(tree), environment_(environment) {}

  // The place that `path` ("a.b[0]", "" is the root) reaches; interpolations on the way and at the end are followed.
  // Errors as for Config::Get; messages do not name the source.
  Result<Resolved> Walk(std::string_view path);
  // The whole value where Walk arrived. Inside of a subtree `???` becomes the text "???", as OmegaConf.to_container
  // does it.
  Result<ConfigValue> ReadAt(const Resolved& resolved);
  // Where the walk arrived before it followed the last interpolation: what the text at `path` itself is.
  std::optional<NodeId> written() const { return written_; }

 private:
  struct Context {
    NodeId container;  // relative paths start here
    NodeId node;       // that holds the interpolation: for messages
  };
  // How a selection ended; OmegaConf's resolvers treat them differently.
  enum class Outcome { kFound, kNoKey, kMissing, kNotContainer, kBadIndex };
  struct Selection {
    Outcome outcome = Outcome::kFound;
    Resolved target;
    std::string reached;     // the last place that exists
    std::string step;        // the key that failed there
    std::string suggestion;  // " (did you mean ...?)"
  };

  Result<Resolved> Dereference(NodeId node);
  Result<Resolved> Evaluate(const Template& pieces, const Context& context);
  Result<Resolved> Evaluate(const Interpolation& interpolation, const Context& context);
  Result<Resolved> Evaluate(const Element& element, const Context& context);
  Result<Resolved> FollowPath(const std::string& path, const Interpolation& interpolation, const Context& context);
  Result<Resolved> CallResolver(const std::string& name, const Interpolation& interpolation, const Context& context);
  Result<Resolved> Call(const std::string& name, const std::vector<Resolved>& args, const Interpolation& interpolation,
                        const Context& context);
  Result<Resolved> Env(const std::vector<Resolved>& args, const Interpolation& interpolation, const Context& context);
  Result<Resolved> Decode(const std::vector<Resolved>& args, const Interpolation& interpolation,
                          const Context& context);
  Result<Resolved> Select(const std::vector<Resolved>& args, const Interpolation& interpolation,
                          const Context& context);
  Result<Resolved> Deprecated(const std::vector<Resolved>& args, const Interpolation& interpolation,
                              const Context& context);
  Result<Resolved> DictItems(bool keys, const std::vector<Resolved>& args, const Interpolation& interpolation,
                             const Context& context);

  // Selects from the root, or from the context where the path starts with dots.
  Result<Selection> SelectPath(const std::string& path, const Context& context, bool throw_on_missing);
  Selection Step(const Resolved& from, const std::string& key) const;
  Result<ConfigValue> Materialize(const Resolved& resolved);
  Result<ConfigValue> MaterializeNode(NodeId node);
  // An error names the value that caused it; the path that was asked for is added where that is elsewhere.
  Error ForPath(const Error& error) const;
  // Python's str(): of containers without resolving them.
  Result<std::string> Str(const Resolved& resolved, const Context& context);
  // A text, with where it comes from.
  Result<ConfigValue> JoinName(const Template& pieces, const Interpolation& interpolation, const Context& context);
  // In the place of an error whose message may hold a value of the environment.
  Error Hide(const Error& error, const Context& context, const std::string& environment) const;
  std::string Describe(const Resolved& resolved) const;
  std::optional<std::string> TextOf(const Resolved& resolved) const;
  static std::string EnvironmentOf(const Resolved& r) { return r.node ? "" : r.value.FromEnvironment(); }
  std::string Suggest(NodeId map, std::string_view key) const;

  // "a.b = ${x}: " in front of every message.
  Error Fail(ErrorCode code, const Context& context, std::string_view message) const;
  // Counts a step of the read and the text that it made, and ends a read that has no reasonable end.
  Status Count(const Context& context, size_t text_bytes);

  const Tree& tree_;
  const Environment& environment_;
  std::string path_;  // that Walk followed, as messages write it
  std::optional<NodeId> written_;
  std::unordered_set<NodeId> following_;      // interpolations being followed
  std::unordered_set<NodeId> materializing_;  // containers being materialized
  int depth_ = 0;
  size_t steps_ = 0;
  size_t text_bytes_ = 0;
};

}  // namespace harness::config::internal
