// From texts to T5's tokens, as T5Tokenizer.from_pretrained(FOLDER) and a call of it with padding=True give them.
//
// SentencePiece segments what stands between added tokens ("<extra_id_0>", "</s>", "<pad>"), each of which is one token
// wherever it stands in a text; </s> ends every sequence. Nothing is truncated: model_max_length only warns there.
// Source: transformers 4.40.2, models/t5/tokenization_t5.py (the slow one), tokenization_utils.py,
// tokenization_utils_base.py.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/result.h"

namespace harness::text {

// The longest text, in bytes: what generation is asked for on one line, many times over.
inline constexpr size_t kMaxTextBytes = 32'768;

class T5Tokenizer {
 public:
  // Reads spiece.model and, where they are, tokenizer_config.json, special_tokens_map.json, added_tokens.json and
  // tokenizer.json (its added tokens only).
  // Errors: kNotFound (no spiece.model), kIo, kCorrupt, kMismatch (settings that T5Tokenizer refuses), kUnsupported
  // (settings that this suite does not follow: sampling, another vocab_file).
  static Result<T5Tokenizer> FromFolder(const std::filesystem::path& folder);

  T5Tokenizer(T5Tokenizer&&) noexcept;
  T5Tokenizer& operator=(T5Tokenizer&&) noexcept;
  ~T5Tokenizer();

  // One text, </s> at its end. Errors: kUnsupported (longer than kMaxTextBytes, or not UTF-8).
  Result<std::vector<int64_t>> Encode(std::string_view text) const;

  struct Batch {
    size_t length = 0;               // L, of the longest
    std::vector<int64_t> ids;        // [B, L]
    std::vector<int64_t> attention;  // [B, L]: 1 where a token is, 0 where padding
  };
  Result<Batch> EncodeBatch(const std::vector<std::string>& texts) const;

  // One more than the highest id that a text can lead to.
  int64_t max_id() const;

 private:
  struct Impl;
  explicit T5Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace harness::text
