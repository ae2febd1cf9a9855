#include "conformance/stages/alternative_score.h"

#include <algorithm>
#include <numeric>

#include "conformance/stages/belonging.h"

namespace conformance {
namespace {

constexpr double kWorthALook = 0.2;
// A codec whose codes are all one is easy to predict: another reading of it must sound as good as the config's.
constexpr double kSameSoundDb = 0.5;

double ComputeMean(const std::vector<double>& values) {
  return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

bool MayBeAboveZero(const harness::generate::BlockTest& test) {
  return test.mean > 0 && (!test.can_tell() || test.p < kWorthALook);
}

bool IsWorthALook(const AlternativeScore& score) {
  return score.predicts && MayBeAboveZero(score.better) && score.better_tempered.mean > 0;
}

double CorrectP(const AlternativeScore& score, size_t scored) {
  return std::min(1.0, std::max(score.better.p, score.better_tempered.p) * static_cast<double>(scored));
}

bool IsBetter(const AlternativeScore& score, double corrected_p, double min_gain) {
  if (!score.whole || score.contradicted || !score.predicts || corrected_p >= kSignificance) return false;
  if (score.better.mean < min_gain || score.better_tempered.mean < min_gain) return false;
  return !(ComputeMean(score.band_losses_db) > kSameSoundDb);
}

}  // namespace conformance
