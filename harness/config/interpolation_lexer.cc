#include "harness/config/interpolation_lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "harness/config/scalar.h"

namespace harness::config::internal {
namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

size_t SpanOf(std::string_view text, std::string_view set) {
  return std::min(text.find_first_not_of(set), text.size());
}
size_t SpaceAt(std::string_view text) { return SpanOf(text, " \t"); }

// Length of "WS? c WS?" (the spaces as the flags say); 0 where it does not match.
size_t Spaced(std::string_view text, std::string_view literal, bool before, bool after) {
  const size_t space = before ? SpaceAt(text) : 0;
  if (text.substr(space, literal.size()) != literal) return 0;
  const size_t end = space + literal.size();
  return after ? end + SpaceAt(text.substr(end)) : end;
}

// DIGIT ('_'? DIGIT)*
size_t DigitRun(std::string_view text) {
  if (text.empty() || !IsDigit(text[0])) return 0;
  size_t n = 1;
  while (n < text.size()) {
    if (IsDigit(text[n])) {
      ++n;
    } else if (text[n] == '_' && n + 1 < text.size() && IsDigit(text[n + 1])) {
      n += 2;
    } else {
      break;
    }
  }
  return n;
}

// '0' | [1-9] ('_'? DIGIT)*
size_t UnsignedInt(std::string_view text) { return !text.empty() && text[0] == '0' ? 1 : DigitRun(text); }

size_t SignAt(std::string_view text) { return !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0; }

bool StartsWithWord(std::string_view text, std::string_view lower_word) {
  if (text.size() < lower_word.size()) return false;
  return std::equal(lower_word.begin(), lower_word.end(), text.begin(),
                    [](char want, char got) { return got == want || got == want - 'a' + 'A'; });
}

size_t Int(std::string_view text) {
  const size_t sign = SignAt(text);
  const size_t digits = UnsignedInt(text.substr(sign));
  return digits == 0 ? 0 : sign + digits;
}

size_t Float(std::string_view text) {
  const size_t sign = SignAt(text);
  const std::string_view number = text.substr(sign);
  if (StartsWithWord(number, "inf") || StartsWithWord(number, "nan")) return sign + 3;
  size_t end = UnsignedInt(number);
  bool is_float = false;
  if (end < number.size() && number[end] == '.') {
    const size_t fraction = DigitRun(number.substr(end + 1));
    if (end > 0 || fraction > 0) {
      is_float = true;
      end += 1 + fraction;
    }
  }
  if (end > 0 && end < number.size() && (number[end] == 'e' || number[end] == 'E')) {
    const size_t exponent_sign = SignAt(number.substr(end + 1));
    const size_t exponent = DigitRun(number.substr(end + 1 + exponent_sign));
    if (exponent > 0) {
      is_float = true;
      end += 1 + exponent_sign + exponent;
    }
  }
  return is_float ? sign + end : 0;
}

size_t Id(std::string_view text) {
  if (text.empty() || (!IsLetter(text[0]) && text[0] != '_')) return 0;
  size_t n = 1;
  while (n < text.size() && (IsLetter(text[n]) || IsDigit(text[n]) || text[n] == '_' || text[n] == '-')) ++n;
  return n;
}

// Backslash pairs and backslashed special characters.
size_t Escapes(std::string_view text) {
  constexpr std::string_view kEscapable = "\\()[]{}:=, \t";
  size_t n = 0;
  while (n + 1 < text.size() && text[n] == '\\' && kEscapable.find(text[n + 1]) != std::string_view::npos) n += 2;
  return n;
}

class Lexer {
 public:
  Lexer(std::string_view text, LexerMode start) : text_(text), modes_{start} {}

  std::variant<std::vector<Token>, SyntaxError> Run() {
    while (offset_ < text_.size()) {
      best_size_ = 0;
      push_.reset();
      pop_ = false;
      Match(text_.substr(offset_));
      if (best_size_ == 0) {
        return SyntaxError{
            fmt::format("'{}' is not allowed at character {}", CanQuote(text_.substr(offset_, 8)), offset_ + 1)};
      }
      if (best_type_ == TokenType::kColon && modes_.back() == LexerMode::kKeyPath) {
        modes_.back() = LexerMode::kValue;  // what follows are a resolver's arguments
      }
      const bool quoted = modes_.back() == LexerMode::kSingleQuoted || modes_.back() == LexerMode::kDoubleQuoted;
      tokens_.push_back({best_type_, text_.substr(offset_, best_size_), offset_, quoted});
      offset_ += best_size_;
      if (push_) modes_.push_back(*push_);
      if (pop_) {
        if (modes_.size() == 1) return SyntaxError{fmt::format("a '}}' too many at character {}", offset_)};
        modes_.pop_back();
      }
    }
    tokens_.push_back({TokenType::kEnd, {}, text_.size(), false});
    return std::move(tokens_);
  }

 private:
  void Rule(TokenType type, size_t size, std::optional<LexerMode> push = std::nullopt, bool pop = false) {
    if (size <= best_size_) return;
    best_size_ = size;
    best_type_ = type;
    push_ = push;
    pop_ = pop;
  }

  void Match(std::string_view rest) {
    switch (modes_.back()) {
      case LexerMode::kText: return MatchText(rest, '\0');
      case LexerMode::kSingleQuoted: return MatchText(rest, '\'');
      case LexerMode::kDoubleQuoted: return MatchText(rest, '"');
      case LexerMode::kValue: return MatchValue(rest);
      case LexerMode::kKeyPath: return MatchKeyPath(rest);
    }
  }

  // Plain text, or quoted text where `quote` is set.
  void MatchText(std::string_view rest, char quote) {
    Rule(TokenType::kInterOpen, Spaced(rest, "${", false, true), LexerMode::kKeyPath);
    if (quote != '\0') Rule(TokenType::kQuoteClose, rest[0] == quote ? 1 : 0, std::nullopt, true);
    // Everything up to the next dollar or quote, but for the backslashes right before it.
    const char stops[] = {'$', quote};
    size_t end = std::min(rest.find_first_of(std::string_view(stops, quote == '\0' ? 1 : 2)), rest.size());
    while (end > 0 && rest[end - 1] == '\\') --end;
    Rule(TokenType::kString, end);
    const size_t backslashes = SpanOf(rest, "\\");
    if (backslashes % 2 == 1) {
      if (rest.substr(backslashes, 2) == "${") Rule(TokenType::kEscapedOpen, backslashes + 2);
      if (quote != '\0' && rest.substr(backslashes, 1) == std::string_view(&quote, 1)) {
        Rule(TokenType::kEscape, backslashes + 1);
      }
    }
    Rule(TokenType::kMaybeEscape, backslashes - backslashes % 2);
    Rule(TokenType::kString, backslashes);
    Rule(TokenType::kString, rest[0] == '$' ? 1 : 0);
  }

  void MatchValue(std::string_view rest) {
    Rule(TokenType::kInterOpen, Spaced(rest, "${", false, true), LexerMode::kKeyPath);
    Rule(TokenType::kBraceOpen, Spaced(rest, "{", false, true), LexerMode::kValue);
    Rule(TokenType::kBraceClose, Spaced(rest, "}", true, false), std::nullopt, true);
    Rule(TokenType::kQuoteOpen, rest[0] == '\'' ? 1 : 0, LexerMode::kSingleQuoted);
    Rule(TokenType::kQuoteOpen, rest[0] == '"' ? 1 : 0, LexerMode::kDoubleQuoted);
    Rule(TokenType::kComma, Spaced(rest, ",", true, true));
    Rule(TokenType::kBracketOpen, Spaced(rest, "[", false, true));
    Rule(TokenType::kBracketClose, Spaced(rest, "]", true, false));
    Rule(TokenType::kColon, Spaced(rest, ":", true, true));
    Rule(TokenType::kFloat, Float(rest));
    Rule(TokenType::kInt, Int(rest));
    Rule(TokenType::kBool, StartsWithWord(rest, "true") ? 4 : StartsWithWord(rest, "false") ? 5 : 0);
    Rule(TokenType::kNull, StartsWithWord(rest, "null") ? 4 : 0);
    Rule(TokenType::kUnquoted, std::min<size_t>(SpanOf(rest, "/-\\+.$%*@?|"), 1));
    Rule(TokenType::kId, Id(rest));
    Rule(TokenType::kEscape, Escapes(rest));
    Rule(TokenType::kSpace, SpaceAt(rest));
  }

  void MatchKeyPath(std::string_view rest) {
    Rule(TokenType::kInterOpen, Spaced(rest, "${", false, true), LexerMode::kKeyPath);
    Rule(TokenType::kColon, Spaced(rest, ":", true, true));
    Rule(TokenType::kInterClose, Spaced(rest, "}", true, false), std::nullopt, true);
    Rule(TokenType::kDot, rest[0] == '.' ? 1 : 0);
    Rule(TokenType::kBracketOpen, rest[0] == '[' ? 1 : 0);
    Rule(TokenType::kBracketClose, rest[0] == ']' ? 1 : 0);
    Rule(TokenType::kId, Id(rest));
    Rule(TokenType::kKey, std::min(rest.find_first_of("\\{}()[]:. \t'\""), rest.size()));
  }

  std::string_view text_;
  size_t offset_ = 0;
  std::vector<LexerMode> modes_;
  std::vector<Token> tokens_;
  TokenType best_type_ = TokenType::kEnd;
  size_t best_size_ = 0;
  std::optional<LexerMode> push_;
  bool pop_ = false;
};

}  // namespace

std::variant<std::vector<Token>, SyntaxError> Lex(std::string_view text, LexerMode start) {
  return Lexer(text, start).Run();
}

}  // namespace harness::config::internal
