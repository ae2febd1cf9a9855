#include "harness/pickle/key_paths.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "harness/base/safe_text.h"

namespace harness::pickle {
namespace {

constexpr size_t kMaxSteps = 16;  // of a path that is shown

}  // namespace

KeyPaths::KeyPaths(const Pickle& pickle) : pickle_(pickle), origins_(pickle.nodes.size()) {
  if (pickle.root == kNoNode) return;
  std::vector<NodeId> queue = {pickle.root};
  origins_[pickle.root].step = Step::kRoot;
  for (size_t next = 0; next < queue.size(); ++next) {
    const NodeId id = queue[next];
    const auto visit = [&](NodeId to, Step step, size_t detail = 0) {
      if (to == kNoNode || origins_[to].step != Step::kNone) return;
      origins_[to] = {id, static_cast<uint32_t>(detail), step};
      queue.push_back(to);
    };
    const Node& node = pickle[id];
    for (const auto& [key, value] : node.pairs) {
      visit(value, Step::kKey, key);
      visit(key, Step::kInKey, key);
    }
    for (size_t i = 0; i < node.items.size(); ++i) visit(node.items[i], Step::kItem, i);
    visit(node.callable, Step::kCallable);
    visit(node.arguments, Step::kArguments);
    visit(node.state, Step::kState);
  }
}

std::string KeyPaths::PathTo(NodeId id) const {
  std::vector<std::string> steps;
  while (id != kNoNode && id < origins_.size()) {
    const Origin& origin = origins_[id];
    if (origin.step == Step::kNone) return "";
    if (origin.step == Step::kRoot) break;
    if (steps.size() == kMaxSteps) {
      steps.emplace_back("...");
      break;
    }
    switch (origin.step) {
      case Step::kKey: {
        const Node& key = pickle_[origin.detail];
        steps.push_back(key.kind == Node::Kind::kString ? Printable(key.text, 100)
                                                        : pickle_.Describe(origin.detail, 40));
        break;
      }
      case Step::kItem: steps.push_back(fmt::format("[{}]", origin.detail)); break;
      case Step::kInKey: steps.emplace_back("(a key)"); break;
      case Step::kCallable: steps.emplace_back("(callable)"); break;
      case Step::kArguments: steps.emplace_back("(arguments)"); break;
      case Step::kState: steps.emplace_back("(state)"); break;
      case Step::kNone:
      case Step::kRoot: break;
    }
    id = origin.parent;
  }
  std::reverse(steps.begin(), steps.end());
  return fmt::format("{}", fmt::join(steps, " → "));
}

}  // namespace harness::pickle
