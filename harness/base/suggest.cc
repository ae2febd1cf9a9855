#include "harness/base/suggest.h"

#include <algorithm>
#include <cstddef>

namespace harness {
namespace {

// Edit distance in which swapped neighbours count as one error.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

bool IsPart(std::string_view a, std::string_view b) {
  return std::min(a.size(), b.size()) >= 3 &&
         (a.find(b) != std::string_view::npos || b.find(a) != std::string_view::npos);
}

std::optional<std::string> Find(std::string_view word, const std::vector<std::string>& candidates, bool with_parts) {
  constexpr size_t kMaxLength = 64;
  constexpr size_t kMaxCandidates = 1000;
  if (word.empty() || word.size() > kMaxLength) return std::nullopt;
  const size_t near = 1 + word.size() / 4;
  std::optional<std::string> best;
  size_t best_distance = 0;
  for (size_t i = 0; i < std::min(candidates.size(), kMaxCandidates); ++i) {
    const std::string& candidate = candidates[i];
    if (candidate.empty() || candidate.size() > kMaxLength) continue;
    const size_t distance = Distance(word, candidate);
    // Few mistype the first letter; more than two errors and another one make another word.
    const bool is_near =
        (distance <= near && (distance <= 2 || word[0] == candidate[0])) || (with_parts && IsPart(word, candidate));
    if (is_near && (!best || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace

std::optional<std::string> FindNearest(std::string_view word, const std::vector<std::string>& candidates) {
  return Find(word, candidates, true);
}

std::optional<std::string> FindNearestTypo(std::string_view word, const std::vector<std::string>& candidates) {
  return Find(word, candidates, false);
}

}  // namespace harness
