#include "harness/generate/sampler.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>

namespace harness::generate {
namespace {

Sampling Mode(Sampling::Mode mode) {
  Sampling sampling;
  sampling.mode = mode;
  return sampling;
}

TEST(Sampler, GreedyTakesTheLargest) {
  const at::Tensor logits = at::tensor({0.0, 3.0, 1.0, 5.0, 4.0, -1.0}).to(at::kFloat).view({2, 3});
  Sampler sampler(Mode(Sampling::Mode::kGreedy));
  EXPECT_TRUE(at::equal(sampler.Next(logits), at::tensor({int64_t{1}, int64_t{0}})));
}

TEST(Sampler, TopKKeepsTheLargestAndTheirTies) {
  Sampling sampling = Mode(Sampling::Mode::kTopK);
  sampling.top_k = 2;
  const at::Tensor logits = at::log(at::tensor({0.4, 0.2, 0.2, 0.1, 0.1})).to(at::kFloat).unsqueeze(0);
  // sample_top_k compares with the k-th largest: both of 0.2 stay. 0.4 : 0.2 : 0.2, normalised.
  const at::Tensor expected = at::tensor({0.5, 0.25, 0.25, 0.0, 0.0}).to(at::kFloat).unsqueeze(0);
  EXPECT_TRUE(at::allclose(Sampler(sampling).Probabilities(logits), expected, 1e-5, 1e-6));
}

TEST(Sampler, TopPKeepsWhatReachesP) {
  Sampling sampling = Mode(Sampling::Mode::kTopP);
  sampling.top_p = 0.55;
  const at::Tensor logits = at::log(at::tensor({0.1, 0.5, 0.1, 0.3})).to(at::kFloat).unsqueeze(0);
  // 0.5, then 0.3 (the sum before it, 0.5, is not above p), then none.
  const at::Tensor expected = at::tensor({0.0, 0.625, 0.0, 0.375}).to(at::kFloat).unsqueeze(0);
  EXPECT_TRUE(at::allclose(Sampler(sampling).Probabilities(logits), expected, 1e-5, 1e-6));
}

TEST(Sampler, TemperatureSharpens) {
  Sampling sampling = Mode(Sampling::Mode::kTopK);
  sampling.top_k = 2;
  sampling.temperature = 0.5;
  const at::Tensor logits = at::log(at::tensor({0.75, 0.25})).to(at::kFloat).unsqueeze(0);
  EXPECT_NEAR(Sampler(sampling).Probabilities(logits)[0][0].item<double>(), 0.9, 1e-5);
}

// Under CUDA's autocast logits are float16, and so is what the temperature makes of them; softmax is float32.
TEST(Sampler, SoftmaxOfFloat16IsFloat32) {
  Sampling sampling = Mode(Sampling::Mode::kTopK), plain = sampling;
  sampling.top_k = plain.top_k = 4;
  sampling.temperature = 0.7;
  const at::Tensor logits = at::tensor({3.1F, -0.2F, 1.7F, 2.9F}).to(at::kHalf).unsqueeze(0);
  const at::Tensor probabilities = Sampler(sampling).Probabilities(logits);
  EXPECT_EQ(probabilities.scalar_type(), at::kFloat);
  const at::Tensor rounded = (logits.to(at::kFloat) / 0.7).to(at::kHalf).to(at::kFloat);
  EXPECT_TRUE(at::equal(probabilities, Sampler(plain).Probabilities(rounded)));
  EXPECT_FALSE(at::equal(probabilities, Sampler(sampling).Probabilities(logits.to(at::kFloat))));
}

// 20000 draws: each count is binomial; a fixed seed makes the test deterministic, 5 sigma would fail one run in 1.7
// million were it not.
TEST(Sampler, DrawsFollowTheProbabilities) {
  Sampling sampling = Mode(Sampling::Mode::kTopK);
  sampling.top_k = 3;
  sampling.seed = 3;
  Sampler sampler(sampling);
  const int64_t draws = 20000;
  const at::Tensor logits = at::log(at::tensor({0.5, 0.3, 0.15, 0.05})).to(at::kFloat).unsqueeze(0).expand({draws, 4});
  const at::Tensor tokens = sampler.Next(logits);
  const double expected[] = {0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0};
  for (int64_t token = 0; token < 4; ++token) {
    const auto count = static_cast<double>((tokens == token).sum().item<int64_t>());
    const double p = expected[token], sigma = std::sqrt(static_cast<double>(draws) * p * (1 - p));
    EXPECT_NEAR(count, p * static_cast<double>(draws), 5 * sigma) << "token " << token;
  }
}

TEST(Sampler, ASeedRepeats) {
  const at::Tensor logits = at::randn({4, 300});
  for (uint64_t seed : {0, 1, 12345}) {
    Sampling sampling;
    sampling.seed = seed;
    Sampler first(sampling), second(sampling);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(at::equal(first.Next(logits), second.Next(logits)));
  }
}

}  // namespace
}  // namespace harness::generate
