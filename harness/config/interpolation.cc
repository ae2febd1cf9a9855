#include "harness/config/interpolation.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "harness/config/interpolation_lexer.h"

namespace harness::config::internal {
namespace {

// Python's own recursion limit stops OmegaConf at a depth of this order.
constexpr int kMaxInterpolationDepth = 60;

std::string EverySecond(std::string_view text) {
  std::string out;
  for (size_t i = 1; i < text.size(); i += 2) out += text[i];
  return out;
}

// Recursive descent. A failure is kept in `error_` and ends every loop, so that each rule can be written straight down.
class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens) : text_(text), tokens_(std::move(tokens)) {}

  std::variant<Template, SyntaxError> ParseWholeTemplate() {
    Template pieces = ParseText();
    Expect(TokenType::kEnd, "the end of the text");
    if (error_) return *error_;
    return pieces;
  }

  std::variant<Element, SyntaxError> ParseWholeElement() {
    Element element = ParseElement();
    Expect(TokenType::kEnd, "the end of the text");
    if (error_) return *error_;
    return element;
  }

 private:
  const Token& Peek() const { return tokens_[next_]; }
  bool At(TokenType type) const { return !error_ && Peek().type == type; }
  const Token& Take() { return tokens_[next_ + 1 < tokens_.size() ? next_++ : next_]; }

  void Fail(std::string message) {
    if (!error_) error_ = SyntaxError{std::move(message)};
  }
  void Expect(TokenType type, std::string_view what) {
    if (error_) return;
    if (Peek().type == type) {
      Take();
      return;
    }
    const bool end = Peek().type == TokenType::kEnd;
    Fail(end ? fmt::format("expected {} at the end of the text", what)
             : fmt::format("expected {} at character {}, found '{}'", what, Peek().offset + 1, CanQuote(Peek().text)));
  }

  static bool IsTextToken(TokenType type) {
    return type == TokenType::kString || type == TokenType::kEscape || type == TokenType::kMaybeEscape ||
           type == TokenType::kEscapedOpen;
  }

  // The literal that a token stands for. Backslashes count only where they could be taken for an escape: those before
  // an interpolation, and those that end a quoted text.
  std::string Unescaped(const Token& token, TokenType next) const {
    if (token.type == TokenType::kEscapedOpen) {
      return std::string(token.text.substr(token.text.size() - (token.text.size() / 2 + 1)));
    }
    const bool active = token.type == TokenType::kEscape ||
                        (token.type == TokenType::kMaybeEscape &&
                         (next == TokenType::kInterOpen || (token.quoted && next == TokenType::kQuoteClose)));
    return active ? EverySecond(token.text) : std::string(token.text);
  }

  static void Append(Template& pieces, std::string text) {
    if (!pieces.empty() && pieces.back().interpolation == nullptr) {
      pieces.back().text += text;
    } else {
      pieces.push_back({std::move(text), nullptr});
    }
  }

  // text: (interpolation | ANY_STR | ESC | ...)+
  Template ParseText() {
    Template pieces;
    while (!error_) {
      if (At(TokenType::kInterOpen)) {
        pieces.push_back({"", ParseInterpolation()});
      } else if (IsTextToken(Peek().type)) {
        const Token token = Take();
        Append(pieces, Unescaped(token, Peek().type));
      } else {
        break;
      }
    }
    return pieces;
  }

  std::shared_ptr<const Interpolation> ParseInterpolation() {
    auto interpolation = std::make_shared<Interpolation>();
    if (++depth_ > kMaxInterpolationDepth) Fail("interpolations are nested too deeply");
    const size_t begin = Peek().offset;
    Expect(TokenType::kInterOpen, "'${'");
    ParseNameOrPath(*interpolation);
    if (!error_) {
      const size_t end = tokens_[next_ - 1].offset + tokens_[next_ - 1].text.size();
      interpolation->text = std::string(text_.substr(begin, end - begin));
    }
    --depth_;
    return interpolation;
  }

  // A key path up to '}', or a resolver's name up to ':' and its arguments up to '}'.
  void ParseNameOrPath(Interpolation& out) {
    bool name_possible = true;  // a resolver's name has no leading dot, no bracket, and only identifiers
    while (At(TokenType::kDot)) {
      Take();
      Append(out.name, ".");
      name_possible = false;
    }
    ParseConfigKey(out.name, name_possible);
    while (!error_) {
      if (At(TokenType::kDot)) {
        Take();
        Append(out.name, ".");
        ParseKey(out.name, name_possible);
      } else if (At(TokenType::kBracketOpen)) {
        ParseConfigKey(out.name, name_possible);
      } else {
        break;
      }
    }
    if (At(TokenType::kColon) && name_possible) {
      Take();
      out.is_resolver = true;
      if (!At(TokenType::kBraceClose)) out.args = ParseSequence(TokenType::kBraceClose);
      Expect(TokenType::kBraceClose, "',' or '}'");
      return;
    }
    Expect(TokenType::kInterClose, "'}'");
  }

  // key or [key]
  void ParseConfigKey(Template& name, bool& name_possible) {
    if (!At(TokenType::kBracketOpen)) return ParseKey(name, name_possible);
    Take();
    Append(name, "[");
    name_possible = false;
    ParseKey(name, name_possible);
    Expect(TokenType::kBracketClose, "']'");
    Append(name, "]");
  }

  void ParseKey(Template& name, bool& name_possible) {
    if (At(TokenType::kInterOpen)) {
      name.push_back({"", ParseInterpolation()});
    } else if (At(TokenType::kId)) {
      Append(name, std::string(Take().text));
    } else {
      name_possible = false;
      const std::string key(Peek().text);
      Expect(TokenType::kKey, "a key");
      if (!error_) Append(name, key);
    }
  }

  // Elements between commas. OmegaConf still takes an absent one for an empty text (with a warning).
  std::vector<Element> ParseSequence(TokenType close) {
    std::vector<Element> elements;
    const auto empty = [] {
      Element element;
      element.scalar = std::string();
      return element;
    };
    bool after_comma = true;
    while (!error_ && !At(close)) {
      if (At(TokenType::kComma)) {
        Take();
        if (after_comma) elements.push_back(empty());
        after_comma = true;
        continue;
      }
      if (!after_comma) break;  // the caller reports what it found instead of the end
      elements.push_back(ParseElement());
      after_comma = false;
    }
    if (after_comma) elements.push_back(empty());
    return elements;
  }

  Element ParseElement() {
    Element element;
    if (++depth_ > kMaxInterpolationDepth) Fail("lists or mappings are nested too deeply");
    if (At(TokenType::kQuoteOpen)) {
      Take();
      element.kind = Element::Kind::kQuoted;
      element.pieces = ParseText();
      Expect(TokenType::kQuoteClose, "the closing quote");
    } else if (At(TokenType::kBracketOpen)) {
      Take();
      element.kind = Element::Kind::kList;
      if (!At(TokenType::kBracketClose)) element.items = ParseSequence(TokenType::kBracketClose);
      Expect(TokenType::kBracketClose, "',' or ']'");
    } else if (At(TokenType::kBraceOpen)) {
      ParseMap(element);
    } else {
      element = ParsePrimitive(true);
    }
    --depth_;
    return element;
  }

  void ParseMap(Element& element) {
    Take();
    element.kind = Element::Kind::kMap;
    bool first = true;
    while (!error_ && !At(TokenType::kBraceClose)) {
      if (!first) Expect(TokenType::kComma, "',' or '}'");
      first = false;
      const Element key = ParsePrimitive(false);
      element.keys.push_back(key.scalar);
      Expect(TokenType::kColon, "':'");
      element.items.push_back(ParseElement());
      if (error_ || (!At(TokenType::kComma) && !At(TokenType::kBraceClose))) break;
    }
    Expect(TokenType::kBraceClose, "',' or '}'");
  }

  static bool IsPrimitiveToken(TokenType type) {
    switch (type) {
      case TokenType::kId:
      case TokenType::kNull:
      case TokenType::kInt:
      case TokenType::kFloat:
      case TokenType::kBool:
      case TokenType::kUnquoted:
      case TokenType::kEscape:
      case TokenType::kSpace: return true;
      default: return false;
    }
  }

  // One token keeps its type; several are a text. Keys of a mapping hold neither colons nor interpolations.
  Element ParsePrimitive(bool is_value) {
    Element element;
    std::vector<Token> literals;
    size_t parts = 0;
    while (!error_) {
      if (is_value && At(TokenType::kInterOpen)) {
        element.pieces.push_back({"", ParseInterpolation()});
      } else if (IsPrimitiveToken(Peek().type) || (is_value && At(TokenType::kColon))) {
        const Token token = Take();
        literals.push_back(token);
        Append(element.pieces, Unescaped(token, Peek().type));
      } else {
        break;
      }
      ++parts;
    }
    // (OmegaConf fails on spaces alone, too.)
    const bool only_space = parts == 1 && !literals.empty() && literals[0].type == TokenType::kSpace;
    if (parts == 0 || only_space) Expect(TokenType::kId, "a value");
    if (only_space) Fail("expected a value, found spaces");
    if (parts == 1 && !literals.empty()) {
      element.scalar = Typed(literals[0], element.pieces[0].text);
    } else if (literals.size() == parts && !element.pieces.empty()) {
      element.scalar = element.pieces[0].text;
    } else {
      element.kind = Element::Kind::kPieces;
    }
    return element;
  }

  static Scalar Typed(const Token& token, const std::string& unescaped) {
    const std::string number = WithoutUnderscores(token.text);
    switch (token.type) {
      case TokenType::kNull: return Scalar();
      case TokenType::kBool: return Scalar(token.text[0] == 't' || token.text[0] == 'T');
      case TokenType::kInt: {
        const bool sign = number[0] == '-' || number[0] == '+';
        return ParseDecimalInteger(number[0] == '-', std::string_view(number).substr(sign ? 1 : 0));
      }
      case TokenType::kFloat: {
        const std::optional<double> value = ParsePythonFloat(number);
        return value ? Scalar(*value) : Scalar(unescaped);
      }
      default: return Scalar(unescaped);
    }
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  int depth_ = 0;
  std::optional<SyntaxError> error_;
};

}  // namespace

bool IsInterpolation(std::string_view text) { return text.find("${") != std::string_view::npos; }

std::variant<Template, SyntaxError> ParseTemplate(std::string_view text) {
  auto tokens = Lex(text, LexerMode::kText);
  if (auto* error = std::get_if<SyntaxError>(&tokens)) return *error;
  return Parser(text, std::get<0>(std::move(tokens))).ParseWholeTemplate();
}

std::variant<Element, SyntaxError> ParseElement(std::string_view text) {
  auto tokens = Lex(text, LexerMode::kValue);
  if (auto* error = std::get_if<SyntaxError>(&tokens)) return *error;
  return Parser(text, std::get<0>(std::move(tokens))).ParseWholeElement();
}

}  // namespace harness::config::internal
