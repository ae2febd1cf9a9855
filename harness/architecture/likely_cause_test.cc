#include "harness/architecture/likely_cause.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "harness/architecture/foreign_names.h"

namespace harness::architecture {
namespace {

using testing::HasSubstr;

TensorSpec Spec(std::string name, std::vector<int64_t> shape) {
  return {.name = std::move(name), .shape = std::move(shape), .group = "g", .origin = "some.key"};
}

const std::vector<TensorSpec> kLanguageModel = {Spec("emb.0.weight", {5, 4}), Spec("transformer.layers.0.w", {8, 4}),
                                                Spec("transformer.layers.1.w", {8, 4})};
const std::vector<TensorSpec> kCodec = {Spec("decoder.model.0.conv.conv.bias", {2}),
                                        Spec("decoder.model.0.conv.conv.weight_g", {2, 1, 1}),
                                        Spec("decoder.model.0.conv.conv.weight_v", {2, 3, 7})};

struct Cause {
  const char* name;
  const std::vector<TensorSpec>& specs;
  std::vector<FoundTensor> found;
  std::vector<const char*> words;
};

std::vector<Cause> Causes() {
  const std::vector<FoundTensor> whole = {
      {"emb.0.weight", {5, 4}}, {"transformer.layers.0.w", {8, 4}}, {"transformer.layers.1.w", {8, 4}}};
  const auto prefixed = [&](const std::string& prefix) {
    std::vector<FoundTensor> found = whole;
    for (FoundTensor& tensor : found) tensor.name = prefix + tensor.name;
    return found;
  };
  const auto with = [&](std::vector<FoundTensor> more) {
    more.insert(more.begin(), whole.begin(), whole.end());
    return more;
  };
  return {
      {"Ddp",
       kLanguageModel,
       prefixed("module."),
       {"carry 'module.': the state dict was taken from DistributedDataParallel", "k.replace('module.', '')"}},
      {"Compiled", kLanguageModel, prefixed("_orig_mod."), {"'_orig_mod.'", "torch.compile"}},
      {"Attribute",
       kLanguageModel,
       prefixed("model."),
       {"'model.'", "LightningModule", "{k.removeprefix('model.'): v for"}},
      {"Nested",
       kLanguageModel,
       prefixed("module._orig_mod."),
       {"'_orig_mod.' and 'module.'", "k.replace('_orig_mod.', '').replace('module.', '')"}},
      {"CodecOfAttribute",
       kCodec,
       {{"model.decoder.model.0.conv.conv.bias", {2}},
        {"model.decoder.model.0.conv.conv.weight_g", {2, 1, 1}},
        {"model.decoder.model.0.conv.conv.weight_v", {2, 3, 7}}},
       {"carry 'model.'", "removeprefix"}},
      {"MusicGen", kLanguageModel, prefixed("lm."), {"a MusicGen object: save its .lm"}},
      {"FsdpInside",
       kLanguageModel,
       {{"transformer.layers.0._fsdp_wrapped_module.w", {8, 4}}},
       {"FullyShardedDataParallel"}},
      {"LoraBeside",
       kLanguageModel,
       with({{"transformer.layers.0.lora_A.default.weight", {2, 4}},
             {"transformer.layers.0.lora_B.default.weight", {8, 2}}}),
       {"2 names are those of a LoRA adapter", "merge_and_unload()"}},
      {"LoraAround",
       kLanguageModel,
       {{"base_model.model.emb.0.weight", {5, 4}}, {"base_model.model.transformer.layers.0.base_layer.w", {8, 4}}},
       {"LoRA"}},
      {"Ema",
       kLanguageModel,
       with({{"ema.emb.0.weight", {5, 4}}}),
       {"moving average (EMA)", "under 'ema' in its checkpoint"}},
      {"ModelEma", kLanguageModel, with({{"model_ema.emb0weight", {5, 4}}}), {"moving average (EMA)"}},
      {"NewWeightNorm",
       kCodec,
       {{"decoder.model.0.conv.conv.bias", {2}},
        {"decoder.model.0.conv.conv.parametrizations.weight.original0", {2, 1, 1}},
        {"decoder.model.0.conv.conv.parametrizations.weight.original1", {2, 3, 7}}},
       {"torch.nn.utils.parametrizations", "original0 to weight_g, and original1 to weight_v"}},
      {"FoldedWeightNorm",
       kCodec,
       {{"decoder.model.0.conv.conv.bias", {2}}, {"decoder.model.0.conv.conv.weight", {2, 3, 7}}},
       {"weight norm was removed from 1 convolutions"}},
      {"Transposed",
       kLanguageModel,
       {{"emb.0.weight", {5, 4}}, {"transformer.layers.0.w", {4, 8}}, {"transformer.layers.1.w", {8, 4}}},
       {"1 matrix is transposed"}},
      {"OneRankOfTwo",
       kLanguageModel,
       {{"emb.0.weight", {3, 4}}, {"transformer.layers.0.w", {4, 4}}, {"transformer.layers.1.w", {4, 4}}},
       {"1/2 of its rows", "one rank of 2"}},
      {"FewerLayers",
       kLanguageModel,
       {{"emb.0.weight", {5, 4}}, {"transformer.layers.0.w", {8, 4}}},
       {"1 layer in the file, 2 in the config (transformer_lm.num_layers)"}},
      {"MoreCodebooks", kLanguageModel, with({{"emb.1.weight", {5, 4}}}), {"2 codebooks in the file, 1 in the config"}},
      {"Averaged",
       kLanguageModel,
       [&] {
         auto found = prefixed("module.");
         found.push_back({"n_averaged", {}});
         return found;
       }(),
       {"whole under 'module.', beside 1 other tensor:", "AveragedModel", "if k.startswith('module.')}"}},
      {"EmaWithItsOnlineModel",
       kLanguageModel,
       [&] {
         auto found = prefixed("online_model.");
         for (FoundTensor& tensor : prefixed("ema_model.")) found.push_back(std::move(tensor));
         return found;
       }(),
       {"whole under 'ema_model.'", "averaged copy"}},
      {"Counters",
       kLanguageModel,
       with({{"total_ops", {1}}, {"transformer.layers.0.total_ops", {1}}, {"criterion.weight", {7}}}),
       {"total_ops, transformer.layers.0.total_ops are counters of a profiler", "criterion.weight is a loss",
        "for glob in ['*total_ops', 'criterion.*']"}},
      {"Pruned",
       kLanguageModel,
       {{"emb.0.weight", {5, 4}}, {"transformer.layers.0.w_orig", {8, 4}}, {"transformer.layers.0.w_mask", {8, 4}}},
       {"1 name (transformer.layers.0.w_mask) is of the masks of torch.nn.utils.prune", "prune.remove(module"}},
      // Without their scales the integers beside them would load.
      {"ScalesBeforeLeftovers",
       kLanguageModel,
       with({{"total_ops", {1}}, {"transformer.layers.0.SCB", {8}}}),
       {"bitsandbytes' 8-bit layers", "Do not just remove them"}},
      {"ParametrizedByLora",
       kLanguageModel,
       with({{"transformer.layers.0.parametrizations.weight.0.lora_A", {2, 4}}}),
       {"torch.nn.utils.parametrize", "remove_parametrizations"}},
      {"NamesOfTransformers",
       kLanguageModel,
       {{"decoder.model.decoder.embed_tokens.0.weight", {5, 4}}},
       {"MusicGen in the Transformers library"}},
      {"Padded",
       kLanguageModel,
       {{"emb.0.weight", {64, 4}}, {"transformer.layers.0.w", {8, 4}}, {"transformer.layers.1.w", {8, 4}}},
       {"this matrix has 64 rows, the next multiple of 64, where 5"}},
      {"Empty", kLanguageModel, {}, {"best_state is empty"}},
      {"AnotherModel", kLanguageModel, {{"bert.w", {2}}}, {"another kind of model"}},
  };
}

TEST(LikelyCause, SpeaksOfTheExporter) {
  for (const Cause& cause : Causes()) {
    SCOPED_TRACE(cause.name);
    const auto found = FindLikelyCause(cause.specs, cause.found, Compare(cause.specs, cause.found));
    ASSERT_TRUE(found);
    const std::string text = found->text + ". " + found->remedy;
    for (const char* words : cause.words) EXPECT_THAT(text, HasSubstr(words));
  }
}

TEST(LikelyCause, SaysOtherwiseWhatFits) {
  const std::vector<TensorSpec> specs = {Spec("emb.0.weight", {5, 4}), Spec("linears.0.weight", {4, 4}),
                                         Spec("transformer.layers.0.self_attn.in_proj_weight", {12, 4}),
                                         Spec("transformer.layers.0.cross_attention.out_proj.weight", {4, 4}),
                                         Spec("transformer.layers.0.linear1.weight", {8, 4})};
  const auto without = [&](std::initializer_list<size_t> dropped) {
    std::vector<FoundTensor> found;
    for (size_t i = 0; i < specs.size(); ++i) {
      if (std::find(dropped.begin(), dropped.end(), i) == dropped.end())
        found.push_back({specs[i].name, specs[i].shape});
    }
    return found;
  };
  const auto with = [&](const char* name) {
    auto found = without({});
    found.push_back({name, {1}});
    return found;
  };
  auto other = without({});
  other[0].shape = {7, 4};
  auto others = other;
  others[1].shape = {7, 4};
  const struct {
    const char* name;
    std::vector<FoundTensor> found;
    std::vector<const char*> words;
  } cases[] = {
      {"Heads", without({1}), {"all heads are missing", "for i in range(1): best_state[f'linears.{i}.weight']"}},
      {"Attention", without({2, 3}), {"only weights of attention", "torch.nn.Parameter"}},
      {"Frozen",
       without({0, 4}),
       {"the 3 tensors that are there all fit", "left out 2 others", "torch.load('BASE/state_dict.bin'"}},
      {"Leftover", with("mine.weight"), {"all 5 tensors of the config are there", "del best_state['mine.weight']"}},
      {"OneShape", other, {"the other 4 tensors fit", "this one was changed", "export it again"}},
      {"Shapes", others, {"3 of the 5 tensors", "Export both from one checkpoint"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const LikelyCause rest = DescribeRest(specs, Compare(specs, c.found), "state_dict.bin");
    for (const char* words : c.words) EXPECT_THAT(rest.text + ". " + rest.remedy, HasSubstr(words));
  }
}

TEST(LikelyCause, NamesTheTwinOfWhatIsMissing) {
  const std::vector<TensorSpec> specs = {Spec("t5.shared.weight", {5, 4}),
                                         Spec("t5.encoder.embed_tokens.weight", {5, 4}), Spec("emb.0.weight", {5, 4})};
  const auto rest = [&](std::vector<FoundTensor> found) {
    return DescribeRest(specs, Compare(specs, found), "compression_state_dict.bin");
  };
  const LikelyCause tied = rest({{"t5.shared.weight", {5, 4}}, {"emb.0.weight", {5, 4}}});
  EXPECT_THAT(tied.text, HasSubstr("EMA"));
  EXPECT_THAT(tied.remedy,
              HasSubstr("best_state['t5.encoder.embed_tokens.weight'] = best_state['t5.shared.weight'].clone()"));
  EXPECT_THAT(rest({{"emb.0.weight", {5, 4}}}).remedy, HasSubstr("BASE/compression_state_dict.bin"))
      << "both names are missing";
}

TEST(LikelyCause, KnowsGlobs) {
  const struct {
    const char *name, *glob;
    bool matches;
  } cases[] = {
      {"a.SCB", "*.SCB", true},  {"a.SCBs", "*.SCB", false},   {"SCB", "*.SCB", false},     {"ema_x", "ema_*", true},
      {"xema_", "ema_*", false}, {"a.p.b.c", "*.p.*.c", true}, {"a.p.c", "*.p.*.c", false}, {"", "*", true},
      {"x", "", false},          {"a.b.a.b.c", "*a.b.c", true}};
  for (const auto& c : cases) EXPECT_EQ(MatchesGlob(c.name, c.glob), c.matches) << c.name << " " << c.glob;
}

TEST(LikelyCause, KnowsNoneWhereThereIsNone) {
  const std::vector<FoundTensor> whole = {
      {"emb.0.weight", {5, 4}}, {"transformer.layers.0.w", {8, 4}}, {"transformer.layers.1.w", {8, 4}}};
  EXPECT_FALSE(FindLikelyCause(kLanguageModel, whole, Compare(kLanguageModel, whole)));
  // A single tensor that is too small is nobody's shard.
  const std::vector<FoundTensor> small = {
      {"emb.0.weight", {3, 4}}, {"transformer.layers.0.w", {8, 4}}, {"transformer.layers.1.w", {8, 4}}};
  EXPECT_FALSE(FindLikelyCause(kLanguageModel, small, Compare(kLanguageModel, small)));
  // A codec's own "model." is no wrapper.
  const std::vector<FoundTensor> longer = {{"decoder.model.0.conv.conv.bias", {2}},
                                           {"decoder.model.0.conv.conv.weight_g", {2, 1, 1}},
                                           {"decoder.model.0.conv.conv.weight_v", {2, 3, 7}},
                                           {"decoder.model.0.extra", {1}}};
  EXPECT_FALSE(FindLikelyCause(kCodec, longer, Compare(kCodec, longer)));
}

}  // namespace
}  // namespace harness::architecture
