// How near the weights of one codec are to those of another, tensor by tensor: is it the codec that a model was trained
// with, or one of the same shape? No LibTorch.
//
// Tensors are paired in the order in which both architectures have them, whatever they are called (audiocraft's names or
// those of Transformers). A convolution's weight is compared as it acts: weight norm, in either spelling, multiplied out.
// What only training reads is left out. Of codebooks, those that both have are compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/export/codec_description.h"
#include "harness/export/export.h"

namespace harness::exports {

// Below it nothing is left of the other's weights: of two codecs trained apart the correlation is 0 within
// 1 / sqrt(elements), of a fine-tuned one and its origin it is near 1.
inline constexpr double kUnrelatedCorrelation = 0.1;

struct ComparedTensor {
  std::string name;   // as the first codec has it; weight norm as "....weight"
  std::string group;  // encoder, decoder, quantizer
  int64_t elements = 0;
  bool same_bits = false;
  bool same_values = false;  // to float32
  // One of the two holds nothing but values of a narrower type, and the other rounds to them: "float16", "bfloat16".
  std::string rounded_to = {};
  double relative_change = 0;  // |a - b| / |b|; NaN where b is zero or not finite
  // Of the elements; of a codebook's about the mean entry. NaN where one has none, or is a vector.
  double correlation = 1;
};

struct CodecComparison {
  std::string other_architecture = {};  // the first difference of shape; then there are no tensors
  std::vector<ComparedTensor> tensors = {};
  // Options that no tensor shows, and that change the codes or the sound: "causal is true, there false".
  std::vector<std::string> other_options = {};

  bool SameBits() const;
  // The same, some of it rounded: the narrowest type that explains it ("float16"; "float32" where another width does).
  // Nothing where more than rounding differs.
  std::optional<std::string> SameUpTo() const;
  // Weighted by elements; NaN where nothing can be said.
  double Correlation(const std::string& group) const;
  double RelativeChange(const std::string& group) const;  // the mean, weighted likewise
  const ComparedTensor* MostChanged() const;              // null: nothing changed
  std::vector<std::string> UnrelatedCodebooks() const;
  // Another model encoded what the language model learned: the encoder, or a codebook, is unrelated.
  bool IsAnotherModel() const;
};

// `packed`: source.codec(). Errors: kUnsupported (weights that are not here, no EnCodec, an element type).
// Precondition: every static stage of the packed codec is ok, and its tensors agree with its config.
Result<CodecComparison> CompareWithPacked(Export& source, const CodecDescription& other);
// Neither is the Export's own. Errors: likewise.
Result<CodecComparison> CompareCodecs(const CodecDescription& packed, const CodecDescription& other);

}  // namespace harness::exports
