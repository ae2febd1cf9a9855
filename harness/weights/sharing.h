// Tensors of best_state that lie on the same elements of a storage. torch.save keeps what shares memory, and strict
// loading copies it out again in silence: every name gets whatever was written there last.
//
// Note [Storage sharing]
// audiocraft's models have no two parameters that are one, with two exceptions: the rotary embedding, one module that
// every layer has (`transformer.rope.*`, `transformer.layers.N.self_attn.rope.*`), and T5's `shared.weight` and
// `encoder.embed_tokens.weight`, in a fine-tuned text encoder. So two weights on the same bytes come from the code that
// collected the state dict: one buffer filled again and again, or wrong offsets into a flat one. Harmless, and never
// reported:
//  - views beside each other in one storage, interleaved ones included (flat buffers, LSTM weights on CUDA, chunks);
//  - elements that are all equal: zero biases that some tool stored once, expanded constants;
//  - those two, and a tensor that is the first rows of another where a model may have been trained with them tied:
//    heads that are the embeddings (`linears.K` and `emb.K`).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/package.h"

namespace harness::weights {

// Two or more tensors, each on elements of the one before; or one, whose strides bring it back onto its own.
struct SharedElements {
  std::vector<std::string> names;  // in the order of the storage
  bool identical = true;           // on exactly the same elements; else they overlap
  int64_t elements = 0;            // of the largest overlap; of one tensor: how many have no bytes of their own
};

struct Sharing {
  std::vector<SharedElements> found;
  // The first tensor of which it was left open whether it shares elements, where there is one: strided views are
  // compared one by one, up to 2^24 elements for two of them, and 2^28 for a file.
  std::optional<std::string> left_open;
};

// `tensors`: those whose values are read. Passed over: views that are not valid, and storages that are not available or
// not yet inflated.
Sharing FindSharedElements(const checkpoint::Checkpoint& checkpoint,
                           const std::vector<checkpoint::NamedTensor>& tensors);

}  // namespace harness::weights
