#include "harness/audio/token_statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace harness::audio {
namespace {

CodebookStatistics Measure(std::span<const int32_t> codes) {
  CodebookStatistics statistics;
  int64_t run = 0;
  for (size_t t = 0; t < codes.size(); ++t) {
    run = t > 0 && codes[t] == codes[t - 1] ? run + 1 : 1;
    statistics.longest_run_frames = std::max(statistics.longest_run_frames, run);
  }
  std::vector<int32_t> sorted(codes.begin(), codes.end());
  std::sort(sorted.begin(), sorted.end());
  const auto total = static_cast<double>(sorted.size());
  for (auto begin = sorted.begin(); begin != sorted.end();) {
    const auto end = std::upper_bound(begin, sorted.end(), *begin);
    const double share = static_cast<double>(end - begin) / total;
    ++statistics.distinct;
    if (share < 1) statistics.entropy_bits -= share * std::log2(share);  // 1 * log2(1) would leave -0
    if (share > statistics.dominant_share) {
      statistics.dominant_share = share;
      statistics.dominant_code = *begin;
    }
    begin = end;
  }
  return statistics;
}

}  // namespace

Result<std::vector<CodebookStatistics>> ComputeTokenStatistics(std::span<const int32_t> codes, int64_t codebooks,
                                                               int64_t frames) {
  if (codebooks < 1 || frames < 1) {
    return Error{ErrorCode::kMismatch,
                 fmt::format("codes need at least one codebook and one frame (found {} codebooks, {} frames)",
                             codebooks, frames)};
  }
  const auto length = static_cast<size_t>(frames);
  if (codes.size() / length != static_cast<size_t>(codebooks) || codes.size() % length != 0) {
    return Error{ErrorCode::kMismatch, fmt::format("expected codes for {} codebooks x {} frames, found {} values",
                                                   codebooks, frames, codes.size())};
  }
  std::vector<CodebookStatistics> statistics;
  for (size_t k = 0; k < static_cast<size_t>(codebooks); ++k) {
    statistics.push_back(Measure(codes.subspan(k * length, length)));
  }
  return statistics;
}

}  // namespace harness::audio
