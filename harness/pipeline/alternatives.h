// What else a language model of the same tensors could be: options that no shape shows, and orders of weights that an
// exporter can mix up. Each is built over the same mapped weights, and scored on the same codes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/architecture/lm_spec.h"
#include "harness/config/config.h"
#include "harness/model/tensor_table.h"

namespace harness::pipeline {

struct Alternative {
  std::string key;      // what it changes: "transformer_lm.num_heads", "self_attn.in_proj_weight"
  std::string value;    // "4"; what the weights would be: "key, query, value"
  std::string present;  // "2"; "query, key, value"
  architecture::LmSpec spec;
  std::function<void(const architecture::LmSpec&, model::TensorTable&)> rearrange = {};  // of the tensors; empty: none

  bool of_config() const { return !rearrange; }
};

// The likelier first. Only what audiocraft's builders accept, and the tensors agree with. `spec`: of `config`.
std::vector<Alternative> ListAlternatives(const config::Config& config, const architecture::LmSpec& spec);

}  // namespace harness::pipeline
