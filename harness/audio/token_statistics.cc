#include "harness/audio/token_statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>

namespace harness {
namespace {

CodebookStatistics Measure(std::span<const int32_t> codes, int64_t cardinality) {
  CodebookStatistics statistics;
  int64_t run = 0;
  for (size_t t = 0; t < codes.size(); ++t) {
    run = t > 0 && codes[t] == codes[t - 1] ? run + 1 : 1;
    statistics.longest_run_frames = std::max(statistics.longest_run_frames, run);
    statistics.out_of_range += codes[t] < 0 || codes[t] >= cardinality;
  }
  std::vector<int32_t> sorted(codes.begin(), codes.end());
  std::sort(sorted.begin(), sorted.end());
  statistics.min = sorted.front();
  statistics.max = sorted.back();
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
  const double possible = std::min(total, static_cast<double>(cardinality));
  statistics.relative_entropy =
      possible > 1 ? statistics.entropy_bits / std::log2(possible) : std::numeric_limits<double>::quiet_NaN();
  return statistics;
}

}  // namespace

Result<TokenStatistics> ComputeTokenStatistics(std::span<const int32_t> codes, int64_t codebooks, int64_t frames,
                                               int64_t cardinality) {
  if (codebooks < 1 || frames < 1 || cardinality < 1) {
    return Error{
        ErrorCode::kMismatch,
        fmt::format("codes need at least one codebook, frame and entry; got {} codebooks, {} frames, cardinality {}",
                    codebooks, frames, cardinality)};
  }
  const auto length = static_cast<size_t>(frames);
  if (codes.size() / length != static_cast<size_t>(codebooks) || codes.size() % length != 0) {
    return Error{ErrorCode::kMismatch, fmt::format("expected codes for {} codebooks x {} frames, found {} values",
                                                   codebooks, frames, codes.size())};
  }
  const auto content_order = [](std::span<const int32_t> a, std::span<const int32_t> b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  };
  std::map<std::span<const int32_t>, int64_t, decltype(content_order)> first(content_order);
  TokenStatistics statistics;
  statistics.frames = frames;
  for (int64_t k = 0; k < codebooks; ++k) {
    const std::span<const int32_t> row = codes.subspan(static_cast<size_t>(k) * length, length);
    statistics.codebooks.push_back(Measure(row, cardinality));
    const auto [found, inserted] = first.emplace(row, k);
    if (!inserted) statistics.identical_codebooks.emplace_back(found->second, k);
  }
  return statistics;
}

}  // namespace harness
