// What else models of the same tensors could be: options that no shape shows, and orders of weights that an exporter can
// mix up. Each is built over the same mapped weights.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/architecture/codec_spec.h"
#include "harness/architecture/lm_spec.h"
#include "harness/config/config.h"
#include "harness/model/tensor_table.h"

namespace harness::pipeline {

// Spec: architecture::LmSpec or CodecSpec.
template <class Spec>
struct AlternativeOf {
  std::string key;      // what it changes: "transformer_lm.num_heads", "self_attn.in_proj_weight"
  std::string value;    // "4"; what the weights would be: "key, query, value"
  std::string present;  // "2"; "query, key, value"
  Spec spec;
  std::function<void(const Spec&, model::TensorTable&)> rearrange = {};  // of the tensors; empty: none

  bool of_config() const { return !rearrange; }
};
using Alternative = AlternativeOf<architecture::LmSpec>;
using CodecAlternative = AlternativeOf<architecture::CodecSpec>;

// The likelier first. Only what audiocraft's builders accept, and the tensors agree with. `spec`: of `config`.
std::vector<Alternative> ListAlternatives(const config::Config& config, const architecture::LmSpec& spec);
// Of an EnCodec; `codebooks`: how many of them are active. Not seanet.pad_mode: only what lies at the ends of a sound
// depends on it, and that may be likelier with another one than the codec was trained with (oracle/BELONGING.md).
std::vector<CodecAlternative> ListCodecAlternatives(const config::Config& config, const architecture::CodecSpec& spec,
                                                    int64_t codebooks);

}  // namespace harness::pipeline
