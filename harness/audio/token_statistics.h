// What generated codes look like in numbers, per codebook: enough to tell a trained model's output from a collapsed,
// stuck or out-of-range one. Nothing here judges.
//
// Input: codes int32 [K, T] row-major (K codebooks, T frames), cardinality: the number of entries of each codebook.
// Errors: kMismatch (K or T below 1, cardinality below 1, or codes that are not K x T).
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "harness/base/result.h"

namespace harness {

struct CodebookStatistics {
  int32_t min = 0;
  int32_t max = 0;
  int64_t out_of_range = 0;  // codes below 0, or cardinality and above
  int64_t distinct = 0;      // different codes, those out of range included
  double entropy_bits = 0;   // -sum p log2 p of the codes' frequencies (Shannon, 1948)
  // entropy_bits / log2(min(T, cardinality)): 0 one code only, 1 as even as T draws can be. NaN where only one value is
  // possible (T or cardinality is 1).
  double relative_entropy = 0;
  int32_t dominant_code = 0;       // the most frequent; of equally frequent ones the smallest
  double dominant_share = 0;       // 0..1
  int64_t longest_run_frames = 0;  // longest stretch of one code
};

struct TokenStatistics {
  int64_t frames = 0;
  std::vector<CodebookStatistics> codebooks;  // [K]
  // Codebooks that hold the same codes in every frame: (first, other), each other one listed with the first it equals.
  std::vector<std::pair<int64_t, int64_t>> identical_codebooks;
};

Result<TokenStatistics> ComputeTokenStatistics(std::span<const int32_t> codes, int64_t codebooks, int64_t frames,
                                               int64_t cardinality);

}  // namespace harness
