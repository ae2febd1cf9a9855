#include "harness/weights/weight_findings.h"

#include <gmock/gmock.h>

#include <cstring>
#include <deque>

namespace harness::weights {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Weights and what they view.
class Model {
 public:
  Model& Add(std::string name, std::vector<int64_t> shape, const std::vector<float>& values) {
    TensorStatistics s{.elements = static_cast<int64_t>(values.size()), .min = 1e9, .max = -1e9};
    for (const float value : values) {
      s.zeros += value == 0 ? 1 : 0;
      s.min = std::min<double>(s.min, value);
      s.max = std::max<double>(s.max, value);
    }
    auto& bytes = bytes_.emplace_back(values.size() * sizeof(float));
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    statistics_.push_back(s);
    weights_.push_back({std::move(name), pickle::Dtype::kFloat32, std::move(shape), &statistics_.back(), bytes});
    return *this;
  }
  // A transformer layer whose matrix holds `first` and its double.
  Model& Layer(int number, float first, float gain = 0.9f, float bias = 0.1f) {
    const std::string name = "transformer.layers." + std::to_string(number);
    return Add(name + ".linear1.weight", {2, 2}, {first, 2 * first, 0.5f, -0.5f})
        .Add(name + ".norm1.weight", {2}, {gain, gain * gain})
        .Add(name + ".norm1.bias", {2}, {bias, bias});
  }
  const std::vector<Weight>& weights() const { return weights_; }
  Weight& back() { return weights_.back(); }

 private:
  std::deque<TensorStatistics> statistics_;
  std::deque<std::vector<std::byte>> bytes_;
  std::vector<Weight> weights_;
};

TEST(WeightFindings, ZeroAndConstantTensors) {
  Model model;
  model.Add("emb.0.weight", {2, 2}, {0, 0, 0, 0})
      .Add("emb.1.weight", {2, 2}, {0, 0, 0, 1e-30f})
      .Add("linears.0.weight", {2, 2}, {3, 3, 3, 3})
      .Add("linears.0.bias", {2}, {0, 0})
      .Add("out_norm.weight", {2}, {0, 0})
      .Add("out_norm.bias", {2}, {0, 0})
      .Add("decoder.model.0.conv.conv.weight_g", {2, 1, 1}, {1, 1})
      .Add("decoder.model.1.conv.conv.weight_v", {1, 1, 1}, {1})
      .Add("quantizer.vq.layers.0._codebook.embed_avg", {2, 2}, {0, 0, 0, 0})
      .Add("transformer.layers.0.linear1.lora_B.default.weight", {2, 2}, {0, 0, 0, 0})
      .Add("somebody.elses", {2, 2}, {0, 0, 0, 0})
      .Add("linears.1.weight", {2, 2}, {0, 0, 0, 0});
  EXPECT_THAT(FindZeroTensors(model.weights()), ElementsAre("emb.0.weight", "out_norm.weight", "linears.1.weight"));
  EXPECT_THAT(FindConstantTensors(model.weights()), ElementsAre("linears.0.weight"));
  model.back().statistics = nullptr;  // what could not be read is not judged
  EXPECT_THAT(FindZeroTensors(model.weights()), ElementsAre("emb.0.weight", "out_norm.weight"));
}

TEST(WeightFindings, FindCopiedModules) {
  Model distinct;
  distinct.Layer(0, 1).Layer(1, 2).Layer(2, 3);
  EXPECT_THAT(FindCopiedModules(distinct.weights()), IsEmpty());

  Model copied;
  copied.Layer(0, 1).Layer(1, 2).Layer(2, 1).Layer(3, 2).Layer(4, 1);
  EXPECT_THAT(FindCopiedModules(copied.weights()),
              ElementsAre(ElementsAre("transformer.layers.0", "transformer.layers.2", "transformer.layers.4"),
                          ElementsAre("transformer.layers.1", "transformer.layers.3")));

  Model codebooks;
  codebooks.Add("quantizer.vq.layers.0._codebook.embed", {2, 1}, {1, 2})
      .Add("quantizer.vq.layers.0._codebook.inited", {1}, {1})
      .Add("quantizer.vq.layers.1._codebook.embed", {2, 1}, {1, 2})
      .Add("quantizer.vq.layers.1._codebook.inited", {1}, {0})
      .Add("quantizer.vq.layers.2._codebook.embed", {2, 1}, {2, 1});  // the same statistics
  EXPECT_THAT(FindCopiedModules(codebooks.weights()),
              ElementsAre(ElementsAre("quantizer.vq.layers.0", "quantizer.vq.layers.1")));

  Model one_bias;  // the same matrices, another bias: no copy
  one_bias.Layer(0, 1, 0.9f, 0.1f).Layer(1, 1, 0.9f, 0.2f);
  EXPECT_THAT(FindCopiedModules(one_bias.weights()), IsEmpty());

  Model unreadable;  // what doesn't lie in one piece is not compared
  unreadable.Layer(0, 1).Layer(1, 1);
  unreadable.back().bytes = {};
  EXPECT_THAT(FindCopiedModules(unreadable.weights()), IsEmpty());

  Model zero;  // reported as zeros
  zero.Add("transformer.layers.0.w", {1, 2}, {0, 0}).Add("transformer.layers.1.w", {1, 2}, {0, 0});
  EXPECT_THAT(FindCopiedModules(zero.weights()), IsEmpty());
}

TEST(WeightFindings, FindLayersAtInitialValues) {
  Model half;
  half.Layer(0, 1).Layer(1, 2, 1, 0).Layer(2, 3);
  EXPECT_THAT(FindLayersAtInitialValues(half.weights()), ElementsAre("transformer.layers.1"));

  Model frozen;  // norms that nobody trained are so in every layer
  frozen.Layer(0, 1, 1, 0).Layer(1, 2, 1, 0);
  EXPECT_THAT(FindLayersAtInitialValues(frozen.weights()), IsEmpty());

  Model zero;  // a layer that is lost says nothing of the others
  zero.Layer(0, 1, 1, 0).Layer(1, 0, 0, 0);
  EXPECT_THAT(FindLayersAtInitialValues(zero.weights()), IsEmpty());

  Model rounded;  // gains of 1 in float16, with biases that moved
  rounded.Layer(0, 1).Layer(1, 2, 1, 1e-4f);
  EXPECT_THAT(FindLayersAtInitialValues(rounded.weights()), IsEmpty());

  Model without_norms;
  without_norms.Layer(0, 1).Add("transformer.layers.1.linear1.weight", {1, 2}, {1, 2});
  EXPECT_THAT(FindLayersAtInitialValues(without_norms.weights()), IsEmpty());
}

TEST(WeightFindings, DeadEntries) {
  Model model;
  model.Add("quantizer.vq.layers.0._codebook.embed", {5, 2}, {1, 2, 0, 0, 1, 2, 2, 1, 0, 0})
      .Add("quantizer.vq.layers.1._codebook.embed", {2, 2}, {1, 2, 2, 1})
      .Add("quantizer.vq.layers.2._codebook.embed", {0, 2}, {})
      .Add("quantizer.vq.layers.0._codebook.embed_avg", {2, 2}, {0, 0, 0, 0});
  const auto counts = CountDeadEntries(model.weights());
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts[0].entries, 5);
  EXPECT_EQ(counts[0].dead, 3);
  EXPECT_DOUBLE_EQ(counts[0].share(), 0.6);
  EXPECT_EQ(counts[1].dead, 0);
}

}  // namespace
}  // namespace harness::weights
