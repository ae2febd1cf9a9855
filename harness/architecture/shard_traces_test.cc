#include "harness/architecture/shard_traces.h"

#include <gmock/gmock.h>

namespace harness::architecture {
namespace {

using testing::HasSubstr;

struct Trace {
  const char* name;
  std::vector<FoundTensor> found;
  std::vector<const char*> words;
};

TEST(ShardTraces, AreNamed) {
  const std::vector<Trace> traces = {
      {"FlatParameter",
       {{"emb.0.weight", {5, 4}}, {"transformer.layers.0._fsdp_wrapped_module._flat_param", {99}}},
       {"1 flat parameter of FSDP: transformer.layers.0", "fsdp_best_state"}},
      {"FlatParameterOfRank", {{"flat_param_0.shard_0", {99}}}, {"1 flat parameter of FSDP"}},
      {"Empty",
       {{"emb.0.weight", {5, 4}}, {"linears.0.weight", {0}}, {"linears.1.weight", {0, 4}}},
       {"2 tensors have no elements: linears.{0..1}.weight", "other ranks hold"}},
      {"Placeholders",
       {{"emb.0.weight", {1}}, {"linears.0.weight", {0}}, {"out_norm.weight", {1}}},
       {"all 3 tensors have one element or none", "ZeRO stage 3", "zero_to_fp32.py"}},
      {"OneDimension",
       {{"emb.0.weight", {10}}, {"transformer.layers.0.linear1.weight", {16}}, {"out_norm.weight", {2}}},
       {"2 of 2 matrices have one dimension: emb.0.weight, transformer.layers.0.linear1.weight"}},
      {"Wrapped",
       {{"_fsdp_wrapped_module.emb.0.weight", {5, 4}}},
       {"1 names carry '_fsdp_wrapped_module.'", "k.replace('_fsdp_wrapped_module.', '')"}},
  };
  for (const Trace& trace : traces) {
    SCOPED_TRACE(trace.name);
    const Status status = CheckNotSharded(trace.found);
    ASSERT_FALSE(status.ok());
    const std::string text = status.error().message + ". " + status.error().remedy;
    for (const char* words : trace.words) EXPECT_THAT(text, HasSubstr(words));
  }
}

TEST(ShardTraces, AreNotSeenInWholeModels) {
  EXPECT_TRUE(CheckNotSharded({}).ok());
  EXPECT_TRUE(
      CheckNotSharded({{"emb.0.weight", {5, 4}}, {"linears.0.bias", {5}}, {"inited", {1}}, {"scalar", {}}}).ok());
  // One odd tensor is for the shape checks, which know its config key.
  EXPECT_TRUE(CheckNotSharded({{"emb.0.weight", {20}}, {"emb.1.weight", {5, 4}}, {"emb.2.weight", {5, 4}}}).ok());
}

}  // namespace
}  // namespace harness::architecture
