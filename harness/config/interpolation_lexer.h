// Tokens of OmegaConf's interpolation grammar. The lexer has modes (plain text, key path, argument, quoted text): the
// same character is another token in each. The longest match wins; of equally long ones, the first rule.
// Source: OmegaConf 2.3 grammar/OmegaConfGrammarLexer.g4.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace harness::config::internal {

enum class TokenType {
  kString,       // literal text, also a lone backslash or dollar
  kEscape,       // backslash pairs that always stand for one character each
  kMaybeEscape,  // backslash pairs that do so only in front of an interpolation (or, quoted, at the end)
  kEscapedOpen,  // \${
  kInterOpen,
  kInterClose,
  kBraceOpen,
  kBraceClose,
  kBracketOpen,
  kBracketClose,
  kQuoteOpen,
  kQuoteClose,
  kComma,
  kColon,
  kDot,
  kFloat,
  kInt,
  kBool,
  kNull,
  kUnquoted,
  kId,
  kKey,
  kSpace,
  kEnd,
};

struct Token {
  TokenType type;
  std::string_view text;  // into the lexed text
  size_t offset;
  bool quoted;  // kMaybeEscape: inside quotes
};

enum class LexerMode { kText, kValue, kKeyPath, kSingleQuoted, kDoubleQuoted };

struct SyntaxError {
  std::string message;  // "expected '}' at character 5"
};

// All tokens of `text`, a kEnd last. The tokens point into `text`.
std::variant<std::vector<Token>, SyntaxError> Lex(std::string_view text, LexerMode start);

}  // namespace harness::config::internal
