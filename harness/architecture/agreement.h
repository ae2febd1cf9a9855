// A state dict against the tensors that its config implies: what strict loading would raise, in words that name the
// cause.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/architecture/tensor_spec.h"

namespace harness::architecture {

struct FoundTensor {
  std::string name;
  std::vector<int64_t> shape;
};

struct Disagreement {
  struct Mismatch {
    TensorSpec expected;
    std::vector<int64_t> found;
  };
  std::vector<TensorSpec> missing;
  std::vector<Mismatch> mismatched;
  bool empty() const { return missing.empty() && mismatched.empty(); }
};

struct Agreement {
  std::map<std::string, Disagreement> groups;  // by module group; every group of the specs has an entry
  std::vector<std::string> unexpected;         // tensors of the file that no spec names, in file order
  std::vector<std::string> unchecked;          // the same, under a prefix that can't be checked
  size_t expected_count = 0;
  // Spec index -> index into `found`; npos where missing.
  std::vector<size_t> binding;
  static constexpr size_t npos = static_cast<size_t>(-1);

  // Strict loading has nothing to say.
  bool complete() const;
};

// Names are matched exactly, as load_state_dict(strict=True) does, aliases included. Of tensors under one of
// `unchecked_prefixes` (conditioner_spec.h: ListUncheckedPrefixes) nothing is known here.
Agreement Compare(const std::vector<TensorSpec>& specs, const std::vector<FoundTensor>& found,
                  const std::vector<std::string>& unchecked_prefixes = {});

// "12 of 40 tensors are missing: transformer.layers.{24..47}.linear1.weight, ..." with names that differ in one number
// folded, and the keys of the config that ask for them; empty where the group agrees.
std::string DescribeDisagreement(const Disagreement& disagreement);

// Names with their numbers folded: {"a.0.w", "a.1.w"} -> "a.{0..1}.w"; at most `limit` patterns, then a count.
std::string FoldNames(const std::vector<std::string>& names, size_t limit = 6);

// 1 + the largest N in "<prefix>N.": how many modules a list has.
int CountModules(const std::vector<std::string>& names, std::string_view prefix);

}  // namespace harness::architecture
