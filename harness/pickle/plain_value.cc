#include "harness/pickle/plain_value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "harness/base/safe_text.h"

namespace harness::pickle {
namespace {

using Kind = Node::Kind;

constexpr size_t kMaxDepth = 200;
constexpr size_t kMaxValues = 1'000'000;
constexpr size_t kMaxPathText = 4096;
constexpr size_t kMaxTextBytes = size_t{64} << 20;

class Converter {
 public:
  explicit Converter(const Pickle& pickle) : pickle_(pickle) {}

  // Recurses, at most kMaxDepth deep.
  Result<PlainValue> Convert(NodeId id) {
    if (path_.size() > kMaxDepth) return Fail(ErrorCode::kUnsupported, "is nested more than 200 deep");
    if (++count_ > kMaxValues || text_bytes_ > kMaxTextBytes) {
      return Fail(ErrorCode::kUnsupported, "has more than a million values");
    }
    HARNESS_ASSIGN_OR_RETURN(id, Unwrap(id));
    const Node& node = pickle_[id];
    PlainValue value;
    if (const auto path = PathText(id)) {
      value.kind = PlainValue::Kind::kString;
      value.text = *path;
      text_bytes_ += value.text.size();
      return value;
    }
    switch (node.kind) {
      case Kind::kNone: return value;
      case Kind::kBool: value.kind = PlainValue::Kind::kBool, value.boolean = node.boolean; return value;
      case Kind::kInt: value.kind = PlainValue::Kind::kInt, value.integer = node.integer; return value;
      case Kind::kFloat: value.kind = PlainValue::Kind::kFloat, value.real = node.real; return value;
      case Kind::kString:
      case Kind::kBytes:
        value.kind = node.kind == Kind::kString ? PlainValue::Kind::kString : PlainValue::Kind::kBytes;
        value.text = node.text;
        text_bytes_ += node.text.size();
        return value;
      case Kind::kList:
      case Kind::kTuple:
      case Kind::kDict: break;
      default: return FailForObject(id);
    }
    if (std::find(open_.begin(), open_.end(), id) != open_.end()) {
      return Fail(ErrorCode::kMismatch, "contains itself");
    }
    open_.push_back(id);
    const Status members = node.kind == Kind::kDict ? Dict(node, value) : List(node, value);
    open_.pop_back();
    if (!members.ok()) return members.error();
    return value;
  }

 private:
  Error Fail(ErrorCode code, std::string_view what, std::string remedy = {}) const {
    return {code,
            fmt::format("the config{}{} {}", path_.empty() ? "" : " at ",
                        fmt::join(path_.begin(),
                                  path_.begin() + static_cast<ptrdiff_t>(std::min<size_t>(path_.size(), 12)), "."),
                        what),
            std::move(remedy)};
  }

  Status List(const Node& node, PlainValue& value) {
    value.kind = PlainValue::Kind::kList;
    for (size_t i = 0; i < node.items.size(); ++i) {
      path_.push_back(std::to_string(i));
      Result<PlainValue> item = Convert(node.items[i]);
      path_.pop_back();
      if (!item.ok()) return item.error();
      value.items.push_back(std::move(item).value());
    }
    return {};
  }

  Status Dict(const Node& node, PlainValue& value) {
    value.kind = PlainValue::Kind::kDict;
    std::unordered_map<std::string, size_t> seen;  // the last one of a key wins, in the first one's place
    for (const auto& [key_id, value_id] : node.pairs) {
      path_.push_back(pickle_[key_id].kind == Kind::kString ? Printable(pickle_[key_id].text, 60)
                                                            : pickle_.Describe(key_id, 60));
      Result<PlainValue> key = Convert(key_id);
      if (!key.ok()) return key.error();
      if (key->kind == PlainValue::Kind::kList || key->kind == PlainValue::Kind::kDict) {
        return Fail(ErrorCode::kMismatch, "is a key that is not a scalar");
      }
      Result<PlainValue> item = Convert(value_id);
      path_.pop_back();
      if (!item.ok()) return item.error();
      const std::string identity =
          fmt::format("{}:{}:{}:{}:{}", static_cast<int>(key->kind), key->boolean, key->integer, key->real, key->text);
      const auto [found, added] = seen.try_emplace(identity, value.items.size());
      if (added) {
        value.keys.push_back(std::move(key).value());
        value.items.push_back(std::move(item).value());
      } else {
        value.items[found->second] = std::move(item).value();
      }
    }
    return {};
  }

  Error FailForObject(NodeId id) const {
    return Fail(
        ErrorCode::kMismatch,
        fmt::format("is {}, which OmegaConf can't take: text, numbers, booleans, None, lists and dicts are what "
                    "a config holds",
                    pickle_.Describe(id, 80)),
        "Convert it, or save the text of OmegaConf.to_yaml(cfg)");
  }

  // pathlib's paths, which OmegaConf holds as they are and where nobody asks for them: as their text.
  std::optional<std::string> PathText(NodeId id) const {
    const Node& node = pickle_[id];
    if (node.kind != Kind::kObject || node.callable == kNoNode || pickle_[node.callable].kind != Kind::kGlobal ||
        !pickle_[node.callable].text.starts_with("pathlib.") || node.arguments == kNoNode) {
      return std::nullopt;
    }
    std::string text;
    for (const NodeId part : pickle_[node.arguments].items) {
      if (pickle_[part].kind != Kind::kString || text.size() > kMaxPathText) return std::nullopt;
      text += (text.empty() || text.ends_with('/') ? "" : "/") + pickle_[part].text;
    }
    return text.empty() ? "." : text;
  }

  // From OmegaConf's objects to what they hold.
  Result<NodeId> Unwrap(NodeId id) const {
    for (size_t steps = 0; pickle_[id].kind == Kind::kObject && !PathText(id); ++steps) {
      const Node& node = pickle_[id];
      const std::string_view type = node.callable != kNoNode && pickle_[node.callable].kind == Kind::kGlobal
                                        ? std::string_view(pickle_[node.callable].text)
                                        : std::string_view();
      // copyreg._reconstructor(class, object, None) is how protocols 0 and 1 write the same.
      const bool omegaconf =
          type.starts_with("omegaconf.") ||
          (type == "copyreg._reconstructor" && pickle_.Describe(node.arguments, 20).starts_with("(omegaconf."));
      NodeId inner = kNoNode;
      if (omegaconf && node.state != kNoNode && pickle_[node.state].kind == Kind::kDict) {
        inner = pickle_.Find(node.state, "_content");
        if (inner == kNoNode) inner = pickle_.Find(node.state, "_val");
      }
      if (inner == kNoNode || steps > 4) return FailForObject(id);
      id = inner;
    }
    return id;
  }

  const Pickle& pickle_;
  std::vector<std::string> path_;
  std::vector<NodeId> open_;
  size_t count_ = 0;
  size_t text_bytes_ = 0;
};

}  // namespace

const PlainValue* PlainValue::Find(std::string_view key) const {
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].kind == Kind::kString && keys[i].text == key) return &items[i];
  }
  return nullptr;
}

Result<PlainValue> ToPlainValue(const Pickle& pickle, NodeId id) {
  if (id == kNoNode) return Error{ErrorCode::kNotFound, "there is no config"};
  return Converter(pickle).Convert(id);
}

}  // namespace harness::pickle
