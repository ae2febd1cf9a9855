// OmegaConf's interpolation grammar: the text "${a.b}_${oc.env:USER,me}" as a small syntax tree.
//
// Only syntax is here; what a tree means is in resolver.h. OmegaConf parses every text that holds "${" when the config
// is created, so a syntax error anywhere makes the whole config unreadable, read or not.
// Source: OmegaConf 2.3 grammar/OmegaConfGrammar{Lexer,Parser}.g4, grammar_visitor.py.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "harness/config/interpolation_lexer.h"
#include "harness/config/scalar.h"

namespace harness::config::internal {

struct Interpolation;

// Either a literal text or an interpolation.
struct Piece {
  std::string text;
  std::shared_ptr<const Interpolation> interpolation;  // null: `text`
};

// A text, cut in pieces. One piece that is an interpolation keeps the type of its target; anything else is joined to
// text.
using Template = std::vector<Piece>;

// An argument of a resolver.
struct Element {
  enum class Kind {
    kScalar,  // 1, 1e-3, true, null, word
    kPieces,  // a${b}c; one interpolation alone keeps its type
    kQuoted,  // 'a${b}': always text
    kList,    // [1, x]: `items`
    kMap,     // {a: 1}: `items` under `keys`
  };
  Kind kind = Kind::kScalar;
  Scalar scalar;
  Template pieces;
  std::vector<Scalar> keys;
  std::vector<Element> items;
};

struct Interpolation {
  bool is_resolver = false;
  Template name;  // joined: the key path with its leading dots ("..a[0].b"), or the resolver's name ("oc.env")
  std::vector<Element> args;  // of a resolver
  std::string text;           // as written, "${...}": for messages
};

// Whether OmegaConf takes the text for an interpolation at all. (An escaped "\${" counts: it has to be unescaped.)
bool IsInterpolation(std::string_view text);

std::variant<Template, SyntaxError> ParseTemplate(std::string_view text);
// One element alone: the argument of oc.decode.
std::variant<Element, SyntaxError> ParseElement(std::string_view text);

}  // namespace harness::config::internal
