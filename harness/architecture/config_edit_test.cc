#include "harness/architecture/config_edit.h"

#include <gmock/gmock.h>

#include "harness/architecture/codec_spec.h"
#include "harness/architecture/lm_spec.h"
#include "harness/testing/configs.h"

namespace harness::architecture {
namespace {

using namespace testing_support;
std::vector<FoundTensor> AsFound(const std::vector<TensorSpec>& specs) {
  std::vector<FoundTensor> found;
  for (const TensorSpec& spec : specs) found.push_back({spec.name, spec.shape});
  return found;
}

// The weights of one config with another: what is suggested, "" for nothing.
std::string SuggestedForLm(const config::Config& weights_of, const config::Config& config) {
  const std::vector<FoundTensor> found = AsFound(ListLmTensors(*DescribeLm(weights_of)));
  const auto edit = FindFirstAgreeing(config, ListLmEdits(config, found), [&](const config::Config& edited) {
    const auto spec = DescribeLm(edited);
    return spec.ok() && Compare(ListLmTensors(*spec), found).complete();
  });
  return edit ? edit->Text() : "";
}

std::string SuggestedForCodec(const config::Config& weights_of, const config::Config& config) {
  const std::vector<FoundTensor> found = AsFound(ListCodecTensors(*DescribeCodec(weights_of)));
  const auto edit = FindFirstAgreeing(config, ListCodecEdits(config, found), [&](const config::Config& edited) {
    const auto spec = DescribeCodec(edited);
    return spec.ok() && Compare(ListCodecTensors(*spec), found).complete();
  });
  return edit ? edit->Text() : "";
}

struct Edited {
  const char* key;  // in the config of the weights
  config::ConfigValue value;
  const char* suggested;
};

TEST(ConfigEdit, FindsWhatTheWeightsOfALanguageModelWereMadeWith) {
  const config::Config config = Parse(kLm);
  const std::vector<Edited> cases = {
      {"transformer_lm.num_layers", {int64_t{3}}, "transformer_lm.num_layers: 3"},
      {"transformer_lm.dim", {int64_t{32}}, "transformer_lm.dim: 32"},
      {"transformer_lm.card", {int64_t{400}}, "transformer_lm.card: 400"},
      {"transformer_lm.n_q", {int64_t{3}}, "transformer_lm.n_q: 3"},
      {"transformer_lm.hidden_scale", {int64_t{4}}, "transformer_lm.hidden_scale: 4"},
      {"transformer_lm.bias_ff", {true}, "transformer_lm.bias_ff: true"},
      {"transformer_lm.bias_attn", {true}, "transformer_lm.bias_attn: true"},
      {"transformer_lm.bias_proj", {true}, "transformer_lm.bias_proj: true"},
      {"transformer_lm.norm_first", {false}, "transformer_lm.norm_first: false"},
      {"transformer_lm.layer_scale", {0.01}, "transformer_lm.layer_scale: 0.0001"},
      {"transformer_lm.memory_efficient", {false}, "transformer_lm.memory_efficient: false"},
      {"transformer_lm.positional_embedding", Text("rope"), "transformer_lm.positional_embedding: rope"},
      {"conditioners.description.t5.name", Text("t5-large"), "conditioners.description.t5.name: t5-large"},
  };
  for (const Edited& c : cases) {
    SCOPED_TRACE(c.key);
    EXPECT_EQ(SuggestedForLm(config.With(c.key, c.value), config), c.suggested);
  }
}

TEST(ConfigEdit, FindsWhatTheWeightsOfACodecWereMadeWith) {
  const config::Config config = Parse(kCodec);
  const std::vector<Edited> cases = {
      {"seanet.ratios", {config::ConfigValue::List{{int64_t{2}}, {int64_t{5}}}}, "seanet.ratios: [2, 5]"},
      {"seanet.ratios",
       {config::ConfigValue::List{{int64_t{4}}, {int64_t{2}}, {int64_t{2}}}},
       "seanet.ratios: [4, 2, 2]"},
      {"seanet.n_filters", {int64_t{8}}, "seanet.n_filters: 8"},
      {"seanet.dimension", {int64_t{16}}, "seanet.dimension: 16"},
      {"seanet.lstm", {int64_t{2}}, "seanet.lstm: 2"},
      {"seanet.n_residual_layers", {int64_t{2}}, "seanet.n_residual_layers: 2"},
      {"seanet.norm", Text("none"), "seanet.norm: none"},
      {"seanet.true_skip", {false}, "seanet.true_skip: false"},
      {"seanet.compress", {int64_t{1}}, "seanet.compress: 1"},
      {"seanet.kernel_size", {int64_t{3}}, "seanet.kernel_size: 3"},
      {"seanet.decoder.n_filters", {int64_t{8}}, "seanet.decoder.n_filters: 8"},
      {"rvq.bins", {int64_t{64}}, "rvq.bins: 64"},
      {"rvq.n_q", {int64_t{4}}, "rvq.n_q: 4"},
  };
  for (const Edited& c : cases) {
    SCOPED_TRACE(c.key);
    EXPECT_EQ(SuggestedForCodec(config.With(c.key, c.value), config), c.suggested);
  }
}

TEST(ConfigEdit, SuggestsNothingWhereNoSingleEditIsEnough) {
  const config::Config config = Parse(kLm), codec = Parse(kCodec);
  EXPECT_EQ(SuggestedForLm(config.With("transformer_lm.dim", {int64_t{32}}).With("transformer_lm.card", {int64_t{400}}),
                           config),
            "");
  EXPECT_EQ(SuggestedForCodec(codec.With("rvq.bins", {int64_t{64}}).With("rvq.n_q", {int64_t{4}}), codec), "");
  EXPECT_TRUE(ListLmEdits(config, {{"transformer.layers.999999.w", {1}}, {"emb.0.weight", {}}}).size() < 20)
      << "and what no model has costs nothing";
}

TEST(ConfigEdit, WritesYaml) {
  EXPECT_EQ((ConfigEdit{"a.b", {config::ConfigValue::List{{int64_t{8}}, {int64_t{5}}}}}.Text()), "a.b: [8, 5]");
  EXPECT_EQ((ConfigEdit{"a", config::ConfigValue::Null()}.Text()), "a: null");
  EXPECT_EQ((ConfigEdit{"a", {0.5}}.Text()), "a: 0.5");
}

}  // namespace
}  // namespace harness::architecture
