#include "harness/model/small_batch_linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <vector>

namespace harness::model {
namespace {

struct Shape {
  int64_t rows, k, n;
};
// Tails of every kind: k below and beside a multiple of eight, n odd, one row, as many as there may be.
const Shape kShapes[] = {{1, 1, 1},  {1, 8, 2},  {2, 7, 3},     {2, 32, 96},  {3, 33, 5},     {4, 100, 17},
                         {5, 40, 9}, {7, 33, 6}, {16, 100, 11}, {127, 33, 5}, {2, 1024, 1000}};

using Run = void (*)(const SmallBatchArguments&, int64_t, int64_t);

struct Path {
  const char* name;
  Run run;
};

std::vector<Path> Paths() {
  std::vector<Path> paths = {{"Portable", SmallBatchLinearPortable}};
  if (HasSmallBatchLinearAvx2()) paths.push_back({"Avx2", SmallBatchLinearAvx2});
  return paths;
}

TEST(SmallBatch, AgreesWithAtLinear) {
  at::manual_seed(1);
  for (const Path& path : Paths()) {
    for (const auto& [type, weight_type] :
         {std::pair{at::kFloat, WeightType::kFloat32}, std::pair{at::kHalf, WeightType::kFloat16},
          std::pair{at::kBFloat16, WeightType::kBFloat16}}) {
      for (const Shape& shape : kShapes) {
        SCOPED_TRACE(testing::Message() << path.name << " " << at::toString(type) << " " << shape.rows << "x" << shape.k
                                        << "x" << shape.n);
        const at::Tensor x = at::randn({shape.rows, shape.k}), w = at::randn({shape.n, shape.k}).to(type),
                         b = at::randn({shape.n});
        at::Tensor y = at::full({shape.rows, shape.n}, std::nan(""));
        const SmallBatchArguments arguments{x.const_data_ptr<float>(),
                                            w.const_data_ptr(),
                                            b.const_data_ptr<float>(),
                                            y.mutable_data_ptr<float>(),
                                            shape.rows,
                                            shape.k,
                                            shape.n,
                                            weight_type};
        const int64_t middle = shape.n / 2;
        path.run(arguments, 0, middle);
        path.run(arguments, middle, shape.n);
        // float64 is the truth; k products, each rounded once: k^0.5 * 2^-24 of the sum of magnitudes, with room.
        const at::Tensor truth = at::linear(x.to(at::kDouble), w.to(at::kDouble), b.to(at::kDouble));
        const at::Tensor scale = at::linear(x.abs().to(at::kDouble), w.abs().to(at::kDouble), b.abs().to(at::kDouble));
        const double error = ((y - truth).abs() / scale).max().item<double>();
        EXPECT_LE(error, 2e-6);
        RecordProperty("error", std::to_string(error));
      }
    }
  }
}

TEST(SmallBatch, TakesOnlyWhatItComputes) {
  const at::Tensor x = at::randn({2, 1, 8}), w = at::randn({4, 8});
  EXPECT_TRUE(IsSmallBatch(x, w));
  EXPECT_TRUE(IsSmallBatch(x, w.to(at::kHalf)));
  const int64_t most = HasSmallBatchLinearAvx2() ? 128 : 16;
  EXPECT_TRUE(IsSmallBatch(at::randn({most, 8}), w));
  EXPECT_FALSE(IsSmallBatch(at::randn({most + 1, 8}), w)) << "too many rows";
  EXPECT_FALSE(IsSmallBatch(x, w.to(at::kDouble))) << "another type";
  EXPECT_FALSE(IsSmallBatch(x, at::randn({8, 4}).t())) << "not contiguous";
  EXPECT_FALSE(IsSmallBatch(x.to(at::kHalf), w)) << "activations are float32";
  const at::Tensor y = SmallBatchLinear(x, w, {});
  EXPECT_EQ(y.sizes(), (std::vector<int64_t>{2, 1, 4}));
  EXPECT_TRUE(at::allclose(y, at::linear(x, w), 1e-5, 1e-6));
}

// However the threads' shares fall on the weights.
TEST(SmallBatch, SeveralWeightsAreOneProduct) {
  const int threads = at::get_num_threads();
  at::manual_seed(2);
  const at::Tensor x = at::randn({2, 1, 300});
  for (const int count : {1, 3, 4}) {
    std::vector<at::Tensor> weights, biases;
    for (int i = 0; i < count; ++i) {
      weights.push_back(at::randn({131, 300}).to(i == 1 ? at::kFloat : at::kHalf));
      biases.push_back(at::randn({131}));
    }
    for (const int of : {1, 2, 3, 7}) {
      SCOPED_TRACE(testing::Message() << count << " weights, " << of << " threads");
      at::set_num_threads(of);
      const SmallBatchCounts before = CountSmallBatches();
      const at::Tensor y = SmallBatchLinear(x, weights, biases), plain = SmallBatchLinear(x, weights, {});
      const SmallBatchCounts after = CountSmallBatches();
      EXPECT_EQ(after.products - before.products, 2);
      int64_t bytes = 0;
      for (const at::Tensor& weight : weights) bytes += 2 * static_cast<int64_t>(weight.nbytes());
      EXPECT_EQ(after.weight_bytes - before.weight_bytes, bytes);
      ASSERT_EQ(y.sizes(), (std::vector<int64_t>{count, 2, 1, 131}));
      for (int i = 0; i < count; ++i) {
        const auto at = static_cast<size_t>(i);
        const at::Tensor expected = at::linear(x, weights[at].to(at::kFloat));
        EXPECT_TRUE(at::allclose(plain[i], expected, 1e-4, 1e-4)) << i;
        EXPECT_TRUE(at::allclose(y[i], expected + biases[at], 1e-4, 1e-4)) << i;
      }
    }
  }
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace harness::model
