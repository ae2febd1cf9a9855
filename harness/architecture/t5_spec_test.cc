#include "harness/architecture/t5_spec.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace harness::architecture {
namespace {

using testing::HasSubstr;

std::vector<std::string> Names(const std::vector<TensorSpec>& list) {
  std::vector<std::string> names;
  for (const TensorSpec& tensor : list) names.push_back(tensor.name);
  return names;
}

TEST(T5Spec, HasUpstreamsDefaults) {
  const auto spec = ReadT5Spec("{}", "config.json");
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->vocab_size, 32128);
  EXPECT_EQ(spec->num_layers, 6);
  EXPECT_EQ(spec->activation, T5Spec::Activation::kRelu);
  EXPECT_FALSE(spec->gated);
}

struct FeedForwardCase {
  const char* name;
  const char* json;
  T5Spec::Activation activation;
  bool gated;
};

// As T5Config has dense_act_fn and is_gated_act for each of these.
TEST(T5Spec, ReadsTheFeedForwardAsT5ConfigDoes) {
  using A = T5Spec::Activation;
  const FeedForwardCase cases[] = {
      {"Relu", R"({"feed_forward_proj":"relu"})", A::kRelu, false},
      {"GatedGeluIsTanh", R"({"feed_forward_proj":"gated-gelu"})", A::kGeluTanh, true},
      {"GeluIsErf", R"({"feed_forward_proj":"gelu"})", A::kGelu, false},
      {"GatedSilu", R"({"feed_forward_proj":"gated-silu"})", A::kSilu, true},
      {"GatedRelu", R"({"feed_forward_proj":"gated-relu"})", A::kRelu, true},
      {"DenseActFnWins", R"({"feed_forward_proj":"gated-gelu","dense_act_fn":"gelu"})", A::kGelu, true},
      {"IsGatedActWins", R"({"feed_forward_proj":"gated-gelu","is_gated_act":false})", A::kGeluTanh, false},
  };
  for (const FeedForwardCase& row : cases) {
    SCOPED_TRACE(row.name);
    const auto spec = ReadT5Spec(row.json, "config.json");
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    EXPECT_EQ(spec->activation, row.activation);
    EXPECT_EQ(spec->gated, row.gated);
  }
}

TEST(T5Spec, TakesTheNamesOfOtherModelsLast) {
  const auto spec = ReadT5Spec(R"({"d_model":512,"hidden_size":768,"num_hidden_layers":3})", "config.json");
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->d_model, 768);
  EXPECT_EQ(spec->num_layers, 3);
}

struct BadConfig {
  const char* name;
  const char* json;
  ErrorCode code;
  const char* part;
};

TEST(T5Spec, NamesWhatIsWrong) {
  const BadConfig cases[] = {
      {"NotJson", "{", ErrorCode::kCorrupt, "is not valid JSON"},
      {"List", "[]", ErrorCode::kCorrupt, "is not a JSON object"},
      {"Negative", R"({"d_ff":-1})", ErrorCode::kCorrupt, "d_ff must be a positive integer, found -1"},
      {"Zero", R"({"num_heads":0})", ErrorCode::kCorrupt, "num_heads must be a positive integer"},
      {"Float", R"({"d_model":512.0})", ErrorCode::kCorrupt, "d_model must be a positive integer"},
      {"Null", R"({"d_kv":null})", ErrorCode::kCorrupt, "d_kv must be"},
      {"Huge", R"({"num_layers":1000000})", ErrorCode::kUnsupported, "at most 1000"},
      {"Activation", R"({"feed_forward_proj":"mish"})", ErrorCode::kUnsupported, "activation mish"},
      {"Proj", R"({"feed_forward_proj":"a-b-c"})", ErrorCode::kMismatch, "gated-ACTIVATION"},
      {"Buckets", R"({"relative_attention_num_buckets":3})", ErrorCode::kMismatch, "at least 4 buckets"},
      {"Distance", R"({"relative_attention_max_distance":8})", ErrorCode::kMismatch, "max_distance 8"},
      {"Epsilon", R"({"layer_norm_epsilon":"small"})", ErrorCode::kCorrupt, "layer_norm_epsilon"},
  };
  for (const BadConfig& bad : cases) {
    SCOPED_TRACE(bad.name);
    const auto spec = ReadT5Spec(bad.json, "t5/config.json");
    ASSERT_FALSE(spec.ok());
    EXPECT_EQ(spec.error().code, bad.code);
    EXPECT_THAT(spec.error().message, HasSubstr("t5/config.json"));
    EXPECT_THAT(spec.error().message, HasSubstr(bad.part));
  }
}

TEST(T5Tensors, AreThoseOfAnEncoder) {
  T5Spec spec;
  spec.num_layers = 2;
  spec.gated = true;
  const std::vector<TensorSpec> list = ListT5CheckpointTensors(spec);
  EXPECT_EQ(list.size(), 1 + 2 * 9 + 1 + 1U);
  EXPECT_EQ(list[0].aliases.at(1), "shared.weight");
  EXPECT_THAT(Names(list),
              testing::Not(testing::Contains("encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight")));
}

TEST(T5Tensors, OfAStateDictHoldTheEmbeddingTwice) {
  const std::vector<TensorSpec> list = ListT5StateTensors({}, "condition_provider.conditioners.description.t5.");
  EXPECT_THAT(Names(list), testing::IsSupersetOf(
                               {"condition_provider.conditioners.description.t5.shared.weight",
                                "condition_provider.conditioners.description.t5.encoder.embed_tokens.weight",
                                "condition_provider.conditioners.description.t5.encoder.final_layer_norm.weight"}));
  for (const TensorSpec& tensor : list) EXPECT_TRUE(tensor.aliases.empty()) << tensor.name;
}

}  // namespace
}  // namespace harness::architecture
