// What else an EnCodec of the same tensors could be: options that no shape shows, and the order of its codebooks. Each is
// built over the same mapped weights.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/architecture/codec_spec.h"
#include "harness/config/config.h"
#include "harness/model/tensor_table.h"

namespace harness::pipeline {

struct CodecAlternative {
  std::string key;      // what it changes: "encodec.causal", "quantizer.vq.layers.*"
  std::string value;    // "false"; what the weights would be: "codebooks 0 and 1 exchanged"
  std::string present;  // "true"; "each codebook in its place"
  architecture::CodecSpec spec;
  std::function<void(const architecture::CodecSpec&, model::TensorTable&)> rearrange =
      {};  // of the tensors; empty: none

  bool of_config() const { return !rearrange; }
};

// The likelier first. Only what audiocraft's builders accept, and the tensors agree with. `spec`: of `config`.
// `codebooks`: how many of them are active.
std::vector<CodecAlternative> ListCodecAlternatives(const config::Config& config, const architecture::CodecSpec& spec,
                                                    int64_t codebooks);

}  // namespace harness::pipeline
