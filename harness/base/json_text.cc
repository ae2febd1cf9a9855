#include "harness/base/json_text.h"

#include <fmt/format.h>

#include <optional>
#include <unordered_set>

#include "harness/base/safe_text.h"

namespace harness {
namespace {

using Json = nlohmann::json;
constexpr int kMaxDepth = 64;

// Collects what a DOM forgets, and stops where the text is not to be trusted.
class Handler : public nlohmann::detail::json_sax_dom_parser<Json> {
 public:
  using Base = nlohmann::detail::json_sax_dom_parser<Json>;
  explicit Handler(JsonDocument& out) : Base(out.root, false), out_(out) {}

  const std::optional<std::string>& problem() const { return problem_; }

  bool start_object(std::size_t elements) {
    keys_.emplace_back();
    return Deeper() && Base::start_object(elements);
  }
  bool end_object() {
    keys_.pop_back();
    --depth_;
    return Base::end_object();
  }
  bool start_array(std::size_t elements) { return Deeper() && Base::start_array(elements); }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }
  bool key(std::string& value) {
    if (!keys_.back().insert(value).second) {
      problem_ = fmt::format("has the key {} twice", Printable(value));
      return false;
    }
    if (depth_ == 1) out_.root_keys.push_back(value);
    return Base::key(value);
  }
  template <class Exception>
  bool parse_error(std::size_t position, const std::string&, const Exception&) {
    problem_ = fmt::format("is not valid JSON: byte {}", position);  // what stands there may be this machine's
    return false;
  }

 private:
  bool Deeper() {
    if (++depth_ <= kMaxDepth) return true;
    problem_ = fmt::format("is nested more than {} levels deep", kMaxDepth);
    return false;
  }

  JsonDocument& out_;
  std::optional<std::string> problem_;
  std::vector<std::unordered_set<std::string>> keys_;
  int depth_ = 0;
};

}  // namespace

Result<JsonDocument> ParseJson(std::string_view text, std::string_view what) {
  JsonDocument document;
  Handler handler(document);
  if (!Json::sax_parse(text, &handler)) {
    return Error{ErrorCode::kCorrupt, fmt::format("{} {}", what, handler.problem().value_or("is not valid JSON"))};
  }
  return document;
}

}  // namespace harness
