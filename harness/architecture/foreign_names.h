// Names that stand in a state dict and are not those of audiocraft's modules: which mechanism wrote them, and how it is
// undone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harness::architecture {

// Sentences without a full stop.
struct LikelyCause {
  std::string text;
  std::string remedy = {};  // which prefix to strip and how, which adapter to merge; empty where nothing is known
};

// Shell's globs, with '*' alone: a pattern of these tables, and of Python's fnmatch in their remedies.
bool MatchesGlob(std::string_view name, std::string_view glob);

// What holds the weights in another form (quantized, pruned, parametrized, another library's layers): removing these
// entries would lose them.
std::optional<LikelyCause> FindMechanism(const std::vector<std::string>& names);

// What is no weight (counters, losses, tables, averages), where that is what all of `names` are: it can be removed.
std::optional<LikelyCause> FindLeftovers(const std::vector<std::string>& names);

}  // namespace harness::architecture
