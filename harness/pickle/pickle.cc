#include "harness/pickle/pickle.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/safe_text.h"

namespace harness::pickle {

NodeId Pickle::Find(NodeId dict, std::string_view key) const {
  if (dict == kNoNode) return kNoNode;
  const std::vector<std::pair<NodeId, NodeId>>& pairs = nodes[dict].pairs;
  for (size_t i = pairs.size(); i-- > 0;) {
    const Node& candidate = nodes[pairs[i].first];
    if (candidate.kind == Node::Kind::kString && candidate.text == key) return pairs[i].second;
  }
  return kNoNode;
}

namespace {

using Kind = Node::Kind;

// Renders without recursion: a stack of what is still to be written, a text or a node each.
class Describer {
 public:
  Describer(const Pickle& pickle, size_t limit) : pickle_(pickle), limit_(limit) {}

  std::string Run(NodeId id) {
    work_.push_back({id, {}, false});
    // An object whose callable is an object writes nothing before it descends: the steps are counted, too.
    for (size_t steps = 8 * limit_ + 64; !work_.empty(); --steps) {
      if (out_.size() > limit_ || steps == 0) return Cut();
      const Item item = work_.back();
      work_.pop_back();
      if (item.leave) {
        on_path_.pop_back();
      } else if (item.node == kNoNode) {
        out_ += item.text;
      } else {
        WriteNode(item.node);
      }
    }
    return out_.size() > limit_ ? Cut() : out_;
  }

 private:
  struct Item {
    NodeId node;
    std::string_view text;
    bool leave;  // the node on top of on_path_ is done
  };

  std::string Cut() {
    size_t end = std::min(out_.size(), limit_ >= 3 ? limit_ - 3 : 0);
    while (end > 0 && end < out_.size() && (static_cast<uint8_t>(out_[end]) & 0xc0) == 0x80) --end;
    out_.resize(end);
    if (limit_ >= 3) out_ += "...";
    return out_;
  }

  void Text(std::string_view text) { work_.push_back({kNoNode, text, false}); }

  void Quoted(std::string_view text) {
    out_ += '\'';
    out_ += Printable(text, limit_);
    out_ += '\'';
  }

  void WriteNode(NodeId id) {
    const Node& node = pickle_[id];
    switch (node.kind) {
      case Kind::kNone: out_ += "None"; return;
      case Kind::kBool: out_ += node.boolean ? "True" : "False"; return;
      case Kind::kInt: out_ += std::to_string(node.integer); return;
      case Kind::kBigInt: out_ += Printable(node.text, limit_); return;
      case Kind::kFloat: out_ += fmt::format("{}", node.real); return;
      case Kind::kString: Quoted(node.text); return;
      case Kind::kBytes: out_ += 'b', Quoted(node.text); return;
      case Kind::kGlobal: out_ += Printable(node.text, limit_); return;
      case Kind::kStorage: out_ += "<storage>"; return;
      case Kind::kTensor: out_ += "<tensor>"; return;
      case Kind::kList:
      case Kind::kTuple:
      case Kind::kSet:
      case Kind::kDict:
      case Kind::kObject: break;
    }
    if (std::find(on_path_.begin(), on_path_.end(), id) != on_path_.end()) {
      out_ += "...";
      return;
    }
    on_path_.push_back(id);
    work_.push_back({kNoNode, {}, true});
    // Pushed in reverse: the last one pushed is written first. Never more members than could still be shown.
    switch (node.kind) {
      case Kind::kList: Text("]"), Items(node), Text("["); return;
      case Kind::kSet: Text("}"), Items(node), Text("{"); return;
      case Kind::kDict: Text("}"), Pairs(node), Text("{"); return;
      case Kind::kTuple: Text(node.items.size() == 1 ? ",)" : ")"), Items(node), Text("("); return;
      default: break;
    }
    Text(")");
    if (node.arguments != kNoNode && pickle_[node.arguments].kind == Kind::kTuple) Items(pickle_[node.arguments]);
    Text("(");
    if (node.callable == kNoNode) {
      Text("object");
    } else {
      work_.push_back({node.callable, {}, false});
    }
  }

  void Items(const Node& node) {
    const size_t shown = std::min(node.items.size(), limit_);
    for (size_t i = shown; i-- > 0;) {
      if (i + 1 < shown) Text(", ");
      work_.push_back({node.items[i], {}, false});
    }
  }

  void Pairs(const Node& node) {
    const size_t shown = std::min(node.pairs.size(), limit_);
    for (size_t i = shown; i-- > 0;) {
      if (i + 1 < shown) Text(", ");
      work_.push_back({node.pairs[i].second, {}, false});
      Text(": ");
      work_.push_back({node.pairs[i].first, {}, false});
    }
  }

  const Pickle& pickle_;
  const size_t limit_;
  std::string out_;
  std::vector<Item> work_;
  std::vector<NodeId> on_path_;
};

}  // namespace

std::string Pickle::Describe(NodeId id, size_t limit) const {
  if (id == kNoNode) return "nothing";
  return Describer(*this, limit).Run(id);
}

}  // namespace harness::pickle
