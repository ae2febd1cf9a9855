// The added tokens of a T5Tokenizer: those of its vocabulary that are cut out of a text before SentencePiece sees it.
// Source: transformers 4.40.2, tokenization_utils_base.py (_from_pretrained), tokenization_utils.py (_add_tokens),
// models/t5/tokenization_t5.py (__init__).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "harness/base/result.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace harness::text {

struct AddedToken {
  std::string content;
  bool single_word = false;
  bool lstrip = false, rstrip = false;  // takes the white space on its left or right with it
};

// What the JSON files beside spiece.model say.
struct TokenizerSettings {
  bool legacy = true;
  bool add_prefix_space = true;
  bool split_special_tokens = false;
  bool pad_left = false;
  bool has_additional = false;  // additional_special_tokens stands in a file
  int64_t extra_ids = 100;
  struct Special {
    AddedToken token;
    bool is_text = true;  // given as text, not as an object with flags
  };
  std::map<std::string, Special> special;     // "eos_token", "pad_token", ...
  std::vector<Special> additional;            // additional_special_tokens
  std::map<int64_t, AddedToken> added;        // of added_tokens_decoder, added_tokens.json or tokenizer.json
  std::map<std::string, AddedToken> flagged;  // by content, those of the files that give flags
};

// Errors: kCorrupt, kMismatch, kUnsupported, naming file and key.
Result<TokenizerSettings> ReadTokenizerSettings(const std::filesystem::path& folder);

struct AddedTokens {
  std::map<int64_t, AddedToken> by_id;
  std::map<std::string, int64_t> ids;    // by content
  std::vector<std::string> all_special;  // all_special_tokens
};

// Errors: kMismatch (extra_ids and additional_special_tokens that disagree).
Result<AddedTokens> CollectAddedTokens(const TokenizerSettings& settings,
                                       const sentencepiece::SentencePieceProcessor& pieces, const std::string& folder);

}  // namespace harness::text
