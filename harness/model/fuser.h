// Brings the conditions to the transformer: beside its input, before it, or to attend to.
//
// Letters: B batch, S steps, D width, L length of a condition.
// Source: audiocraft 1.3.0, modules/conditioners.py ConditionFuser.forward.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "harness/architecture/fuser_spec.h"
#include "harness/base/result.h"
#include "harness/model/conditions.h"

namespace harness::model {

// What the conditions of one generation come to; computed once.
struct FusedConditions {
  struct InputStep {
    architecture::FuseMethod method;  // any but kCross
    at::Tensor embedding;             // [B, L, D]
  };
  std::vector<InputStep> input;  // in the order of the conditions, not of the fuser's lists
  at::Tensor cross;              // [B, sum of L, D], in the same order; undefined where nothing is attended to
  int64_t prefix = 0;            // steps that stand before the first one

  // x: [B, S, D], the embedded codes. `first`: nothing has been generated from these conditions, and the prefix is due.
  // Returns [B, S (+ prefix), D].
  at::Tensor Apply(at::Tensor x, bool first) const;
};

// Precondition: `fuser` names every condition (DescribeLm has seen to it).
FusedConditions Fuse(const architecture::FuserSpec& fuser, const LmConditions& conditions);

// Why ConditionFuser.forward would raise: a condition of several steps to be added to a single one. `first_steps` are
// given to the first forward pass; `more`: others follow, of one step each. Errors: kMismatch.
Status CheckFused(const architecture::FuserSpec& fuser, const LmConditions& conditions, int64_t first_steps, bool more);

}  // namespace harness::model
