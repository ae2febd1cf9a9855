#include "harness/generate/paired.h"

#include <cmath>
#include <numeric>

namespace harness::generate {
namespace {

// The regularised incomplete beta function I_x(a, b), by its continued fraction (Lentz's method; Numerical Recipes, 3rd
// edition, section 6.4).
double IncompleteBeta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - IncompleteBeta(b, a, 1 - x);
  constexpr double kTiny = 1e-300;
  const auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), fraction = d;
  for (int m = 1; m <= 300; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1) < 1e-14) break;
  }
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  return front * fraction / a;
}

}  // namespace

double StudentUpperTail(double t, double degrees_of_freedom) {
  const double both = IncompleteBeta(degrees_of_freedom / 2, 0.5, degrees_of_freedom / (degrees_of_freedom + t * t));
  return t >= 0 ? both / 2 : 1 - both / 2;
}

BlockTest TestAboveZero(const std::vector<double>& values, int64_t frames_per_block) {
  BlockTest test;
  if (values.empty()) return test;
  const auto size = static_cast<int64_t>(values.size());
  test.mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(size);
  test.blocks = size / frames_per_block;
  if (!test.can_tell()) return test;
  double squares = 0;
  for (int64_t block = 0; block < test.blocks; ++block) {
    const int64_t begin = block * frames_per_block, end = block + 1 == test.blocks ? size : begin + frames_per_block;
    const double mean =
        std::accumulate(values.begin() + begin, values.begin() + end, 0.0) / static_cast<double>(end - begin);
    squares += (mean - test.mean) * (mean - test.mean);
  }
  const auto blocks = static_cast<double>(test.blocks);
  test.standard_error = std::sqrt(squares / (blocks - 1) / blocks);
  if (test.standard_error > 0) {
    test.p = StudentUpperTail(test.mean / test.standard_error, blocks - 1);
  } else if (test.mean > 0) {
    test.p = 0;
  }
  return test;
}

}  // namespace harness::generate
