#include "harness/pickle/pickle_environment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "harness/pickle/key_paths.h"
#include "harness/pickle/pickle_globals.h"

namespace harness::pickle {
namespace {

using Kind = Node::Kind;

struct Absent {
  std::string_view prefix;
  std::string_view why;
};

constexpr std::string_view kTensorOfNewType = "torch._utils._rebuild_tensor_v3";

// Distributed tensors are not listed: they are reported as shards of FSDP, whichever torch wrote them.
constexpr Absent kAbsent[] = {
    {"pathlib._local.", "Python 3.13 and later name paths so, older ones have no such module"},
    {"numpy._core.numeric.", "NumPy 2 names it so, NumPy 1 has no such module"},
    {kTensorOfNewType, "torch 2.2 and later write tensors of float8 and uint16 so, torch 2.1 has no such function"},
    {"torch.nn.parameter.Buffer", "torch 2.5 and later have it, torch 2.1 does not"},
    {"torch.uint16", "torch 2.3 and later have it, torch 2.1 does not"},
    {"torch.uint32", "torch 2.3 and later have it, torch 2.1 does not"},
    {"torch.uint64", "torch 2.3 and later have it, torch 2.1 does not"},
    {"torch.float8_e4m3fnuz", "torch 2.2 and later have it, torch 2.1 does not"},
    {"torch.float8_e5m2fnuz", "torch 2.2 and later have it, torch 2.1 does not"},
    {"torch.float8_e8m0fnu", "torch 2.7 and later have it, torch 2.1 does not"},
};

// Only a call matters here: the class itself is there on every system.
constexpr std::string_view kWindowsPath = "pathlib.WindowsPath";
constexpr std::string_view kWindowsWhy =
    "only Windows makes such a path, every other system raises NotImplementedError";

std::optional<std::string_view> FindWhyAbsent(std::string_view name) {
  for (const Absent& absent : kAbsent) {
    if (name.starts_with(absent.prefix)) return absent.why;
  }
  return std::nullopt;
}

bool IsAllowedByWeightsOnly(const std::string& name) {
  switch (FindGlobalRole(name)) {
    case GlobalRole::kStorageClass:
    case GlobalRole::kTensorV1:
    case GlobalRole::kTensorV2:
    case GlobalRole::kTensorV3:
    case GlobalRole::kParameter:
    case GlobalRole::kEncode: return true;
    default: break;
  }
  static constexpr std::string_view kNames[] = {"collections.OrderedDict",
                                                "collections.Counter",
                                                "torch.Size",
                                                "torch.device",
                                                "torch.Tensor",
                                                "torch.serialization._get_layout",
                                                "torch._tensor._rebuild_from_type_v2",
                                                "builtins.set",
                                                "builtins.bytearray",
                                                "builtins.complex"};
  if (std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames)) return true;
  // Element types and layouts: torch.float16, torch.strided.
  return name.starts_with("torch._utils._rebuild_") ||
         (name.starts_with("torch.") && name.find('.', 6) == std::string::npos);
}

std::string DescribePlace(const KeyPaths& paths, NodeId id) {
  const std::string path = paths.PathTo(id);
  return path.empty() ? "" : fmt::format(" (at {})", path);
}

}  // namespace

Status CheckLoadsInReference(const Pickle& pickle, std::string_view source) {
  for (NodeId id = 0; id < pickle.nodes.size(); ++id) {
    const Node& node = pickle[id];
    const bool is_call = node.kind == Kind::kObject && node.callable != kNoNode;
    const NodeId named = is_call ? node.callable : id;
    if (pickle[named].kind != Kind::kGlobal) continue;
    std::optional<std::string_view> why = FindWhyAbsent(pickle[named].text);
    if (is_call && pickle[named].text == kWindowsPath) why = kWindowsWhy;
    if (!why) continue;
    // A call comes later than the name that it calls, and says more.
    NodeId shown = id;
    for (NodeId later = id + 1; !is_call && later < pickle.nodes.size() && shown == id; ++later) {
      if (pickle[later].kind == Kind::kObject && pickle[later].callable == id) shown = later;
    }
    return Error{
        ErrorCode::kMismatch,
        fmt::format("{}: holds {}{}: {}. Where audiocraft 1.3.0 runs (torch 2.1, NumPy 1, Python up to 3.11), "
                    "torch.load raises",
                    source, pickle.Describe(shown, 120), DescribePlace(KeyPaths(pickle), shown), *why),
        pickle[named].text == kTensorOfNewType
            ? "An export needs no such object: load the file where it was written, make float16 or float32 of these "
              "tensors (tensor.half()), and save it again"
            : "An export needs no such object: load the file where it was written, put plain types (str, numbers, dict) "
              "in its place, and save it again"};
  }
  return {};
}

std::optional<std::string> FindRefusedByNewerTorch(const Pickle& pickle, std::string_view source) {
  std::vector<std::string> names;
  NodeId first = kNoNode;
  for (NodeId id = 0; id < pickle.nodes.size(); ++id) {
    const Node& node = pickle[id];
    if (node.kind != Kind::kGlobal || IsAllowedByWeightsOnly(node.text)) continue;
    if (first == kNoNode) first = id;
    if (std::find(names.begin(), names.end(), node.text) == names.end()) names.push_back(node.text);
    if (names.size() > 100) break;
  }
  if (names.empty()) return std::nullopt;
  const size_t more = names.size() - 1;
  NodeId holder = first;
  for (NodeId id = first + 1; id < pickle.nodes.size() && holder == first; ++id) {
    if (pickle[id].callable == first) holder = id;
  }
  return fmt::format(
      "{}: holds {}{}{}, which torch.load refuses from torch 2.6 on (weights_only=True is its default); torch 2.1, "
      "which audiocraft 1.3.0 pins, loads it{}. With plain types (OmegaConf.to_yaml(cfg) for xp.cfg) both do",
      source, names.front(), DescribePlace(KeyPaths(pickle), holder),
      more == 0   ? ""
      : more == 1 ? " and one more name"
                  : fmt::format(" and {} more names", more),
      std::any_of(names.begin(), names.end(), [](const auto& name) { return name.starts_with("numpy._core."); })
          ? " with NumPy 1.26 or later, which knows numpy._core"
          : "");
}

}  // namespace harness::pickle
