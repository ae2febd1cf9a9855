#include "harness/architecture/foreign_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "harness/architecture/agreement.h"

namespace harness::architecture {
namespace {

struct Row {
  std::array<std::string_view, 6> globs;  // "" matches nothing
  const char* what;                       // continues "N names (...) are "
  const char* remedy = "";
};

// Most telling first. Followed on a recipe: SCB, prune, Transformers. Not followed: bitsandbytes' 4 bits, GPTQ, quanto and
// parametrize, whose packages or models a recipe does not have.
constexpr Row kMechanisms[] = {
    {{"*.SCB", "*.weight_format"},
     "the scales of bitsandbytes' 8-bit layers, whose weights are integers",
     "Multiply them back: best_state = {k: v.float() * best_state[k.removesuffix('weight') + 'SCB'][:, None] / 127 if "
     "k.removesuffix('weight') + 'SCB' in best_state else v for k, v in best_state.items() if not "
     "k.endswith(('.SCB', '.weight_format'))}. Do not just remove them: without its scale an integer is no weight"},
    {{"*.weight.absmax", "*.weight.quant_map", "*.weight.quant_state.*", "*.weight.nested_*"},
     "what decodes bitsandbytes' 4-bit layers, whose weights are packed two to a byte",
     "Dequantize before saving: bitsandbytes.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state) is "
     "the weight of each such layer; save it in float16 or float32. Do not just remove them: they are needed for that"},
    {{"*.qweight", "*.qzeros", "*.g_idx"},
     "layers packed by GPTQ or AWQ",
     "Export the model as it was before it was quantized"},
    {{"*.weight._data", "*.weight._scale", "*.weight._shift"},
     "layers quantized by quanto",
     "Export the model as it was before it was quantized, or save layer.weight.dequantize() of each such layer"},
    {{"*_mask"},
     "the masks of torch.nn.utils.prune, which were never made permanent: a weight is weight_orig * weight_mask",
     "Call torch.nn.utils.prune.remove(module, 'weight') on each pruned module and export again; or, of this file: "
     "best_state = {k.removesuffix('_orig'): v * best_state[k.removesuffix('_orig') + '_mask'] if k.endswith('_orig') "
     "else v for k, v in best_state.items() if not k.endswith('_mask')}"},
    {{"*.parametrizations.*.original", "*.parametrizations.*.lora_*"},
     "those of torch.nn.utils.parametrize: the weight is computed from `original` and what was registered on it (LoRA, "
     "for one)",
     "Call torch.nn.utils.parametrize.remove_parametrizations(module, 'weight') on each such module, which leaves the "
     "computed weight, and export again"},
    {{"*.self_attn.q_proj.*", "*.encoder_attn.*", "*decoder.embed_tokens.*", "*lm_heads.*", "*enc_to_dec_proj.*"},
     "those of MusicGen in the Transformers library, which cuts its layers in another way; neither library has a "
     "converter back",
     kFromTransformers},
};

constexpr Row kLeftovers[] = {
    {{"*total_ops", "*total_params"}, "counters of a profiler (thop)"},
    {{"adversaries.*", "adv_losses.*", "discriminator.*", "*.discriminators.*"},
     "of the discriminators of a codec's training"},
    {{"criterion.*", "*.criterion.*", "loss.*", "*_loss.*", "loss_fn.*", "*.loss_fn.*"}, "a loss of the training"},
    {{"*_extra_state"}, "what layers with float8 kernels (Transformer Engine) keep of their scaling"},
    {{"*embed_positions.weights"}, "Transformers' table of positions, which audiocraft computes"},
    {{"*.inv_freq", "*position_ids", "*.pe"}, "tables of positions, which audiocraft computes"},
    {{"n_averaged"}, "the counter of an average (torch.optim.swa_utils)"},
    {{"initted", "*.initted", "step", "num_updates", "decay"}, "counters of a moving average (EMA)"},
    {{"ema_*"},
     "moving averages (EMA) that a hook of the training keeps beside the weights. They may sound better: then put each in "
     "the place of its weight first"},
    {{"*.activation_post_process*", "*.weight_fake_quant.*"}, "observers of torch.ao (prepare, prepare_qat)"},
    {{"*.rotary_emb.*", "*.causal_mask", "*.attn_mask"}, "tables and masks, which audiocraft computes"},
};

std::vector<std::string> Matching(const std::vector<std::string>& names, const Row& row) {
  std::vector<std::string> matching;
  std::copy_if(names.begin(), names.end(), std::back_inserter(matching), [&](const std::string& name) {
    return std::any_of(row.globs.begin(), row.globs.end(),
                       [&](std::string_view glob) { return !glob.empty() && MatchesGlob(name, glob); });
  });
  return matching;
}

}  // namespace

bool MatchesGlob(std::string_view name, std::string_view glob) {
  size_t at = 0, in = 0, star = std::string_view::npos, retry = 0;
  while (at < name.size()) {
    if (in < glob.size() && glob[in] == '*') {
      star = in++;
      retry = at;
    } else if (in < glob.size() && glob[in] == name[at]) {
      ++in;
      ++at;
    } else if (star != std::string_view::npos) {
      in = star + 1;
      at = ++retry;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', in) == std::string_view::npos;
}

std::optional<LikelyCause> FindMechanism(const std::vector<std::string>& names) {
  for (const Row& row : kMechanisms) {
    const auto matching = Matching(names, row);
    if (matching.empty()) continue;
    return LikelyCause{fmt::format("{} name{} ({}) {} {}", matching.size(), matching.size() == 1 ? "" : "s",
                                   FoldNames(matching, 3), matching.size() == 1 ? "is of" : "are", row.what),
                       row.remedy};
  }
  return std::nullopt;
}

std::optional<LikelyCause> FindLeftovers(const std::vector<std::string>& names) {
  std::vector<std::string> sentences, globs;
  size_t known = 0;
  for (const Row& row : kLeftovers) {
    const auto matching = Matching(names, row);
    if (matching.empty()) continue;
    known += matching.size();
    sentences.push_back(fmt::format("{} {} {}", FoldNames(matching, 3), matching.size() == 1 ? "is" : "are", row.what));
    for (const std::string_view glob : row.globs) {
      const bool used = !glob.empty() && std::any_of(matching.begin(), matching.end(),
                                                     [&](const auto& name) { return MatchesGlob(name, glob); });
      if (used) globs.push_back(fmt::format("'{}'", glob));
    }
  }
  if (known < names.size() || names.empty()) return std::nullopt;
  return LikelyCause{
      fmt::format("{}. This is not part of the weights", fmt::join(sentences, "; ")),
      fmt::format("Remove it and save the file again: best_state = {{k: v for k, v in best_state.items() if not "
                  "any(fnmatch.fnmatchcase(k, glob) for glob in [{}])}}",
                  fmt::join(globs, ", "))};
}

}  // namespace harness::architecture
