#include "harness/audio/npy_header.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <system_error>

namespace harness::audio {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<NpyHeader> Parse() {
    NpyHeader header;
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    if (!Take('{')) return Expected("'{'");
    while (!Take('}')) {
      const std::optional<std::string> key = Quoted();
      if (!key) return Expected("a quoted key or '}'");
      if (!Take(':')) return Expected("':'");
      bool* seen = *key == "descr"           ? &has_descr
                   : *key == "fortran_order" ? &has_order
                   : *key == "shape"         ? &has_shape
                                             : nullptr;
      if (seen == nullptr || *seen) {
        return Error{ErrorCode::kCorrupt, fmt::format("header key '{}' is {}", *key, seen ? "there twice" : "unknown")};
      }
      *seen = true;
      if (seen == &has_descr) {
        HARNESS_RETURN_IF_ERROR(Descr(header.descr));
      } else if (seen == &has_order) {
        HARNESS_RETURN_IF_ERROR(Boolean(header.fortran_order));
      } else {
        HARNESS_RETURN_IF_ERROR(Shape(header.shape));
      }
      if (!Take(',') && !Peek('}')) return Expected("',' or '}'");
    }
    if (!has_descr || !has_order || !has_shape) {
      return Error{ErrorCode::kCorrupt, fmt::format("header key '{}' is missing", !has_descr   ? "descr"
                                                                                  : !has_order ? "fortran_order"
                                                                                               : "shape")};
    }
    SkipSpace();
    if (position_ != text_.size()) return Expected("the end of the header");
    return header;
  }

 private:
  void SkipSpace() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n')) ++position_;
  }
  bool Peek(char wanted) {
    SkipSpace();
    return position_ < text_.size() && text_[position_] == wanted;
  }
  bool Take(char wanted) {
    if (!Peek(wanted)) return false;
    ++position_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    SkipSpace();
    if (text_.substr(position_, word.size()) != word) return false;
    position_ += word.size();
    return true;
  }
  std::optional<std::string> Quoted() {
    const char quote = Peek('"') ? '"' : '\'';
    if (!Peek(quote)) return std::nullopt;
    const size_t end = text_.find(quote, position_ + 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string inside(text_.substr(position_ + 1, end - position_ - 1));
    position_ = end + 1;
    return inside;
  }
  Status Descr(std::string& descr) {
    if (Peek('[')) return Error{ErrorCode::kUnsupported, "an array of records (a structured descr) is not read"};
    std::optional<std::string> text = Quoted();
    if (!text) return Expected("a quoted type such as '<i4'");
    descr = std::move(*text);
    return {};
  }
  Status Boolean(bool& value) {
    if (TakeWord("True")) {
      value = true;
    } else if (TakeWord("False")) {
      value = false;
    } else {
      return Expected("True or False");
    }
    return {};
  }
  Status Shape(std::vector<int64_t>& shape) {
    if (!Take('(')) return Expected("'(' of the shape");
    bool comma = true;  // Python's (3) is a number: a tuple of one has a comma
    while (!Take(')')) {
      if (!comma) return Expected("','");
      SkipSpace();
      int64_t length = -1;
      const char* end = text_.data() + text_.size();
      const auto [rest, error] = std::from_chars(text_.data() + position_, end, length);
      if (error != std::errc() || length < 0) return Expected("a length of 0 to 2^63 - 1");
      position_ = static_cast<size_t>(rest - text_.data());
      shape.push_back(length);
      comma = Take(',');
    }
    if (shape.size() == 1 && !comma) return Expected("a tuple as the shape, as in (3,)");
    return {};
  }
  Error Expected(std::string_view what) const {
    return {ErrorCode::kCorrupt, fmt::format("header, offset {}: expected {}", position_, what)};
  }

  std::string_view text_;
  size_t position_ = 0;
};

}  // namespace

Result<NpyHeader> ParseNpyHeader(std::string_view text) { return Parser(text).Parse(); }

std::string FormatNpyHeader(const NpyHeader& header) {
  std::string shape;
  for (int64_t length : header.shape) shape += fmt::format("{}{}", shape.empty() ? "" : ", ", length);
  if (header.shape.size() == 1) shape += ',';
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': ({}), }}", header.descr,
                     header.fortran_order ? "True" : "False", shape);
}

}  // namespace harness::audio
