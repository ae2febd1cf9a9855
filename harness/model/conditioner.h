// What one conditioner makes of the inputs of a batch: its embedding after output_proj, zero where its mask is.
// Source: audiocraft 1.3.0, modules/conditioners.py; StyleConditioner: 1.4.0a2.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/architecture/conditioner_spec.h"
#include "harness/base/result.h"
#include "harness/model/precision.h"
#include "harness/model/tensor_table.h"

namespace harness::model {

// What one sample is generated from. No text and no melody: unconditional.
struct ConditioningInput {
  // Absent is not empty: a lookup table has an entry for the empty text, while T5 masks it as it masks none.
  std::optional<std::string> description;
  at::Tensor melody;  // [C, N] float32 at the codec's rate and channels (resample.h: ConvertAudio), or undefined
  int64_t melody_sample_rate_hz = 0;  // the codec's; the same for every melody of a batch
};

// A T5 with its tokenizer.
class TextEncoder {
 public:
  virtual ~TextEncoder() = default;
  struct Embedding {
    at::Tensor states;  // [B, L, D] float32, D the width of the T5; padding is not zero
    at::Tensor mask;    // [B, L] int64: 1 where a token is, 0 where padding
  };
  // Tokenized together, padded to the longest. Errors: kCorrupt, kUnsupported.
  virtual Result<Embedding> Encode(const std::vector<std::string>& texts) const = 0;
};

class Conditioner {
 public:
  virtual ~Conditioner() = default;
  // -> [B, L, D] float32, or float16 with kFloat16Autocast. The rows are padded alike, so that they depend on each
  // other. Errors: kUnsupported (an input that can't be encoded here, with what it needs), kMismatch (melodies of
  // several rates).
  virtual Result<at::Tensor> Embed(const std::vector<ConditioningInput>& inputs) const = 0;
  // Whether a text changes anything, and can be encoded.
  virtual bool encodes_text() const { return false; }
  // Whether a melody does.
  virtual bool encodes_melody() const { return false; }
};

// Linear(width, D), of every conditioner.
struct OutputProjection {
  at::Tensor weight, bias;  // [D, width], [D] float32, or float16 with kFloat16Autocast on CUDA
  Precision precision = Precision::kFloat32;
  static OutputProjection Bind(const architecture::ConditionerSpec& spec, const TensorTable& tensors,
                               const Placement& placement);
  at::ScalarType type() const { return precision == Precision::kFloat32 ? at::kFloat : at::kHalf; }  // of what it gives
  at::Tensor operator()(const at::Tensor& input) const;
  int64_t dim() const { return bias.size(0); }
};

// What a conditioner is built from beside its options.
struct ConditionerParts {
  std::string name;  // "description"
  OutputProjection projection;
  at::Device device = at::kCPU;
  // Its own tensor whose name ends in `leaf` ("embed.weight"), float32 on `device`. For the builder: not to be kept.
  std::function<at::Tensor(const std::string& leaf)> tensor = {};
  // Of a t5 conditioner, or null where it is not at hand: it then encodes "no text" only. With `finetune` it must be
  // one of the export's own tensors.
  std::shared_ptr<const TextEncoder> encoder = nullptr;
};

// One for each of ConditionerOptions. Errors: kUnsupported (clap, which MusicGen never gives an input).
using BuiltConditioner = Result<std::unique_ptr<Conditioner>>;
BuiltConditioner BuildConditioner(const architecture::T5Options& options, ConditionerParts parts);
BuiltConditioner BuildConditioner(const architecture::LutOptions& options, ConditionerParts parts);
BuiltConditioner BuildConditioner(const architecture::ChromaOptions& options, ConditionerParts parts);
BuiltConditioner BuildConditioner(const architecture::ClapOptions& options, ConditionerParts parts);
BuiltConditioner BuildConditioner(const architecture::StyleOptions& options, ConditionerParts parts);

// `encoder`: as in ConditionerParts.
BuiltConditioner BuildConditioner(const architecture::ConditionerSpec& spec, const TensorTable& tensors,
                                  std::shared_ptr<const TextEncoder> encoder, const Placement& placement);

}  // namespace harness::model
