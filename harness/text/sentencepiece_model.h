// A spiece.model that is safe to hand to the SentencePiece library.
//
// The library checks the protocol buffer that a model is, and not the normalisation table inside: a double-array trie
// (Darts) that it walks by offsets out of the file. One flipped bit there reads outside of the table.
// Source: sentencepiece 0.1.97, sentencepiece_model.proto, normalizer.cc; darts-clone's darts.h.
#pragma once

#include <memory>
#include <string>

#include "harness/base/result.h"

namespace sentencepiece {
class SentencePieceProcessor;
}

namespace harness::text {

// `model`: the file's bytes. `dummy_prefix` false: as if the model said add_dummy_prefix: false.
// Errors: kCorrupt; kUnsupported where there are too many pieces; `file` starts the message.
Result<std::shared_ptr<const sentencepiece::SentencePieceProcessor>> LoadSentencePiece(std::string model,
                                                                                       bool dummy_prefix,
                                                                                       const std::string& file);

}  // namespace harness::text
