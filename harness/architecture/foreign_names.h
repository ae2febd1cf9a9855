// Names that stand in a state dict and are not those of audiocraft's modules: which mechanism wrote them, and how it is
// undone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harness::architecture {

// How a model of the Transformers library becomes an export.
inline constexpr const char* kFromTransformers =
    "Take the export that this model was converted from. Trained weights need renaming by hand: X.q_proj.weight, "
    "X.k_proj.weight and X.v_proj.weight, stacked in this order, are X.in_proj_weight; encoder_attn is cross_attention, "
    "fc1 and fc2 are linear1 and linear2, self_attn_layer_norm, encoder_attn_layer_norm and final_layer_norm are norm1, "
    "norm_cross and norm2; embed_tokens.N is emb.N, lm_heads.N is linears.N, layer_norm of the decoder is out_norm, "
    "enc_to_dec_proj is condition_provider.conditioners.description.output_proj, and embed_positions is left out";

// Sentences without a full stop.
struct LikelyCause {
  std::string text;
  std::string remedy = {};  // which prefix to strip and how, which adapter to merge; empty where nothing is known
};

// Shell's globs, with '*' alone: a pattern of these tables, and of Python's fnmatch in their remedies.
bool MatchesGlob(std::string_view name, std::string_view glob);

// What holds the weights in another form (quantized, pruned, parametrized, another library's layers): removing these
// entries would lose them.
std::optional<LikelyCause> FindMechanism(const std::vector<std::string>& names);

// What is no weight (counters, losses, tables, averages), where that is what all of `names` are: it can be removed.
std::optional<LikelyCause> FindLeftovers(const std::vector<std::string>& names);

}  // namespace harness::architecture
