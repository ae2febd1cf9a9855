// What generated codes look like in numbers, per codebook: enough to tell a trained model's output from a collapsed or
// stuck one. Nothing here judges.
//
// Input: codes int32 [K, T] row-major (K codebooks, T frames).
// Errors: kMismatch (K or T below 1, or codes that are not K x T).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "harness/base/result.h"

namespace harness::audio {

struct CodebookStatistics {
  int64_t distinct = 0;            // different codes
  double entropy_bits = 0;         // -sum p log2 p of the codes' frequencies (Shannon, 1948)
  int32_t dominant_code = 0;       // the most frequent; of equally frequent ones the smallest
  double dominant_share = 0;       // 0..1
  int64_t longest_run_frames = 0;  // longest stretch of one code
};

Result<std::vector<CodebookStatistics>> ComputeTokenStatistics(std::span<const int32_t> codes, int64_t codebooks,
                                                               int64_t frames);

}  // namespace harness::audio
