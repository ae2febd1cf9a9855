// harness/model/testdata/lm_cases.pt: what the reference's language model computes, as scripts/oracle/lm_cases.py wrote it.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/architecture/lm_spec.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/model/conditions.h"
#include "harness/model/language_model.h"
#include "harness/model/tensor_table.h"

namespace harness::testing_support {

struct LmCase {
  std::string name, config;
  std::vector<std::pair<std::string, size_t>> state;  // name, index into Checkpoint::tensors()
  model::LmConditions conditions;                     // of B rows
  at::Tensor codes;                                   // [B, K, S] int64; undefined: the model isn't built
  int64_t first = 1;                                  // steps of the first pass
  at::Tensor streamed, at_once;                       // [B, K, S, cardinality] float32; undefined: raises
  at::Tensor tokens;                                  // [1, K, T] int64; undefined: generation raises
  std::string raises_stage, raises_error;             // "build" or "stream", "RuntimeError"; empty: runs
};

class LmCases {
 public:
  // Throws std::runtime_error where the file isn't what the script writes.
  explicit LmCases(const std::string& path);

  // Those of testdata/lm_cases.pt, read once.
  static const LmCases& OfTestdata();

  const std::vector<LmCase>& all() const { return cases_; }
  // Throws std::runtime_error where there is none.
  const LmCase& Named(const std::string& name) const;
  // The description of the model; its error where the reference doesn't build it or can't run it.
  static Result<architecture::LmSpec> Describe(const LmCase& row);
  // Why the state dict disagrees with `spec`, whose conditioners have no tensors here; empty where it doesn't.
  std::string Disagreement(const LmCase& row, const architecture::LmSpec& spec) const;
  // Precondition: they agree.
  model::TensorTable Bind(const LmCase& row, const architecture::LmSpec& spec) const;

 private:
  std::optional<checkpoint::Checkpoint> checkpoint_;
  std::vector<LmCase> cases_;
};

// The logits of `row`, [B, K, S, cardinality], step by step as generation asks for them.
at::Tensor Streamed(const model::LanguageModel& model, const LmCase& row);

// testdata/float16_cases.pt, of scripts/oracle/float16_cases.py: logits [B, K, S, cardinality] float16 by the name of a
// case. Throws as LmCases.
std::map<std::string, at::Tensor> Float16Logits(const std::string& path);

}  // namespace harness::testing_support
