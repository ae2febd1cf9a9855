#include "harness/config/yaml_graph.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <set>
#include <sstream>
#include <unordered_map>

#include "harness/config/scalar.h"
#include "harness/config/tree.h"

namespace harness::config::internal {
namespace {

// xp.cfg is some 10 kB.
constexpr size_t kMaxFileBytes = size_t{8} << 20;

// The events of one document -> nodes. Problems that yaml-cpp does not see are thrown as its own exceptions, which
// ReadYaml catches: the interface has no other way to stop.
class GraphBuilder : public YAML::EventHandler {
 public:
  explicit GraphBuilder(YamlGraph& graph) : graph_(graph) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    // yaml-cpp takes a last key that has no colon (a truncated text ends like this) for a key with a null value, and
    // reports that null where the key began. PyYAML raises.
    if (!open_.empty() && open_.back().is_block_map && open_.back().value_next &&
        mark.pos == open_.back().key_position) {
      throw YAML::ParserException(mark, "could not find the ':' after a key");
    }
    YamlNode node;
    node.plain = true;
    Add(std::move(node), mark, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto target = anchors_.find(anchor);
    if (target == anchors_.end()) throw YAML::ParserException(mark, "an alias without an anchor");
    const auto is_target = [&](const OpenNode& open) { return open.id == target->second; };
    if (std::any_of(open_.begin(), open_.end(), is_target)) {
      throw YAML::ParserException(mark, "an alias inside of its own anchor: the value would have no end");
    }
    Attach(target->second, mark);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node;
    node.plain = tag == "?";
    if (tag != "?" && tag != "!") node.tag = tag;
    node.text = value;
    Add(std::move(node), mark, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, tag, anchor, false);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    Open(YamlNode::Kind::kMap, mark, tag, anchor, style == YAML::EmitterStyle::Block);
  }
  void OnMapEnd() override { open_.pop_back(); }
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    const auto allowed = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
    };
    if (!std::all_of(name.begin(), name.end(), allowed)) {
      throw YAML::ParserException(
          mark, fmt::format("the anchor '{}' has characters other than letters, digits, - and _", CanQuote(name)));
    }
    if (!anchor_names_.insert(name).second)
      throw YAML::ParserException(mark, fmt::format("the anchor '{}' is there twice", CanQuote(name)));
  }

 private:
  // A list or mapping whose end is not reached yet.
  struct OpenNode {
    uint32_t id = 0;
    bool is_block_map = false;
    bool value_next = false;  // of a mapping: the key is there
    int key_position = -1;
  };

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            bool is_block_map) {
    YamlNode node;
    node.kind = kind;
    if (tag != "?" && tag != "!") node.tag = tag;
    const uint32_t id = Add(std::move(node), mark, anchor);
    open_.push_back({id, is_block_map, false, -1});
    if (open_.size() > static_cast<size_t>(kMaxDepth)) {
      throw YAML::ParserException(mark, fmt::format("it is nested deeper than {} levels", kMaxDepth));
    }
  }

  uint32_t Add(YamlNode node, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (graph_.nodes.size() >= kMaxNodes)
      throw YAML::ParserException(mark, fmt::format("it holds more than {} values", kMaxNodes));
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    const auto id = static_cast<uint32_t>(graph_.nodes.size());
    graph_.nodes.push_back(std::move(node));
    if (anchor != 0) anchors_[anchor] = id;
    Attach(id, mark);
    return id;
  }

  void Attach(uint32_t id, const YAML::Mark& mark) {
    if (open_.empty()) {
      graph_.root = id;
      return;
    }
    OpenNode& parent = open_.back();
    graph_.nodes[parent.id].children.push_back(id);
    parent.value_next = !parent.value_next;
    if (parent.value_next) parent.key_position = mark.pos;
  }

  YamlGraph& graph_;
  std::vector<OpenNode> open_;
  std::unordered_map<YAML::anchor_t, uint32_t> anchors_;
  std::set<std::string> anchor_names_;
};

// For a text that is read for its faults only.
class NoEvents : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { line = mark.line + 1; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  int line = 0;  // where the document starts
};

// Note [Stricter than yaml-cpp]
// yaml-cpp accepts damage that PyYAML refuses. So the text is read a second time, changed in such a way that what is
// legal stays legal and what is not becomes an error that yaml-cpp sees:
// - a comment at the end: a quote that is still open there swallows it, and "illegal EOF in scalar" follows;
// - every tab becomes kTabMark: in comments, quoted and block scalars any character may stand, but PyYAML has no tabs
//   between tokens, and there the mark ends up in a plain scalar;
// - a '%' at the start of a line becomes '@': legal in quoted and block scalars only, as a directive is after the
// start.
constexpr std::string_view kTabMark = "\xEE\x80\x80";  // U+E000, private use: no YAML meaning

std::string Stricter(std::string_view text) {
  std::string out;
  bool may_have_directives = true;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string_view line = text.substr(begin, end - begin);
    const bool is_directive = may_have_directives && line.substr(0, 5) == "%YAML";
    may_have_directives = may_have_directives && (is_directive || line[0] == '#' || line[0] == '\n' || line[0] == '\r');
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\t') {
        out += kTabMark;
      } else {
        out += i == 0 && line[0] == '%' && !is_directive ? '@' : line[i];
      }
    }
    begin = end;
  }
  return out + "\n#";
}

class StrictEvents : public NoEvents {
 public:
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    last_line = mark.line + 1;
    if (tag == "?" && value.find(kTabMark) != std::string::npos) {
      throw YAML::ParserException(mark, "a tab between words: PyYAML allows none outside of quotes, use spaces");
    }
  }

  int last_line = 1;  // with a scalar
};

void Read(const std::string& text, YAML::EventHandler& events) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  if (!parser.HandleNextDocument(events)) return;
  NoEvents second;
  if (parser.HandleNextDocument(second)) {
    YAML::Mark mark;
    mark.line = second.line - 1;
    throw YAML::ParserException(mark, "more than one YAML document: a second one starts here");
  }
}

// Length of the UTF-8 sequence at the start of `text` and its code point; 0 where it is none.
size_t DecodeUtf8(std::string_view text, uint32_t& code_point) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t size = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
  if (size == 0 || text.size() < size) return 0;
  code_point = size == 1 ? lead : lead & (0x7Fu >> size);
  for (size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xC0) != 0x80) return 0;
    code_point = code_point << 6 | (byte & 0x3Fu);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  return code_point < kSmallest[size] || code_point > 0x10FFFF || surrogate ? 0 : size;
}

// What PyYAML's reader lets through: no control characters.
bool IsPrintable(uint32_t c) {
  return c == 0x09 || c == 0x0A || c == 0x0D || (c >= 0x20 && c <= 0x7E) || c == 0x85 || (c >= 0xA0 && c <= 0xD7FF) ||
         (c >= 0xE000 && c <= 0xFFFD) || c >= 0x10000;
}

Status CheckCharacters(std::string_view text) {
  int line = 1;
  int column = 1;
  for (size_t i = 0; i < text.size();) {
    uint32_t code_point = 0;
    const size_t size = DecodeUtf8(text.substr(i), code_point);
    const char* fix = "the text is binary or damaged";
    if (size == 0) {
      return Error{ErrorCode::kCorrupt, fmt::format("not UTF-8 at line {}, column {} (byte 0x{:02x}): {}", line, column,
                                                    static_cast<unsigned char>(text[i]), fix)};
    }
    if (!IsPrintable(code_point)) {
      return Error{ErrorCode::kCorrupt,
                   fmt::format("not YAML at line {}, column {}: the control character U+{:04X}: {}", line, column,
                               code_point, fix)};
    }
    column = code_point == '\n' ? 1 : column + 1;
    line += code_point == '\n' ? 1 : 0;
    i += size;
  }
  return {};
}

std::string LineOf(std::string_view text, int line) {
  for (; line > 0; --line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return CanQuote(text.substr(0, std::min(text.find_first_of("\r\n"), text.size())));
}

}  // namespace

Result<YamlGraph> ReadYaml(std::string_view text) {
  if (text.size() > kMaxFileBytes) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("{} bytes of YAML: a config is some ten thousand, and more than {} are not read",
                             text.size(), kMaxFileBytes)};
  }
  HARNESS_RETURN_IF_ERROR(CheckCharacters(text));
  YamlGraph graph;
  StrictEvents strict;
  try {
    GraphBuilder builder(graph);
    Read(std::string(text), builder);
    Read(Stricter(text), strict);  // Note [Stricter than yaml-cpp]
  } catch (const YAML::Exception& e) {
    if (e.mark.is_null()) return Error{ErrorCode::kCorrupt, fmt::format("not YAML: {}", e.msg)};
    if (e.msg == YAML::ErrorMsg::EOF_IN_SCALAR) {  // reported at the end of the text
      const int last_line = std::max(strict.last_line, graph.nodes.empty() ? 1 : graph.nodes.back().line);
      return Error{
          ErrorCode::kCorrupt,
          fmt::format("not YAML: a quoted text has no closing quote; it is opened in line {} or later", last_line)};
    }
    const std::string line = LineOf(text, e.mark.line);
    return Error{ErrorCode::kCorrupt,
                 fmt::format("not YAML at line {}, column {}: {}{}", e.mark.line + 1, e.mark.column + 1, e.msg,
                             line.empty() ? "" : fmt::format(" (the line is '{}')", line))};
  } catch (const std::exception& e) {
    return Error{ErrorCode::kCorrupt, fmt::format("not YAML: {}", e.what())};
  }
  return graph;
}

}  // namespace harness::config::internal
