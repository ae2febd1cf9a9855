#include "harness/architecture/likely_cause.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace harness::architecture {
namespace {

struct Evidence {
  const std::vector<FoundTensor>& found;
  const Agreement& agreement;
  std::vector<std::string> expected_names, found_names;
  std::set<std::string_view> expected;
};

// A module that holds the model puts the name of its attribute in front; one that wraps the model's own submodules,
// too, puts it anywhere.
struct Wrapper {
  std::string_view marker, what;
  bool anywhere;
};

constexpr std::array<Wrapper, 6> kWrappers = {{
    {"_fsdp_wrapped_module.", "FullyShardedDataParallel", true},
    {"_orig_mod.", "torch.compile", true},
    {"module.", "DistributedDataParallel or DataParallel", true},
    {"model.", "a module that holds the model as `model`, such as a LightningModule", false},
    {"lm.", "a MusicGen object: save its .lm", false},
    {"compression_model.", "a MusicGen object: save its .compression_model", false},
}};

std::string Stripped(std::string name, const Wrapper& wrapper) {
  if (name.starts_with(wrapper.marker)) name.erase(0, wrapper.marker.size());
  if (!wrapper.anywhere) return name;
  const std::string inside = "." + std::string(wrapper.marker);
  for (size_t at = name.find(inside); at != std::string::npos; at = name.find(inside, at)) {
    name.erase(at + 1, wrapper.marker.size());
  }
  return name;
}

// The whole model under one prefix, beside something else under none or another: "ema_model." beside "online_model.",
// "module." beside n_averaged.
std::optional<LikelyCause> FindInnerModel(const Evidence& evidence) {
  if (evidence.expected_names.empty()) return std::nullopt;
  const std::set<std::string_view> found(evidence.found_names.begin(), evidence.found_names.end());
  std::vector<std::string> prefixes;
  for (const std::string& name : evidence.found_names) {
    const std::string& first = evidence.expected_names.front();
    if (name.size() <= first.size() + 1 || !name.ends_with("." + first)) continue;
    const std::string prefix = name.substr(0, name.size() - first.size());
    const bool whole = std::all_of(evidence.expected_names.begin(), evidence.expected_names.end(),
                                   [&](const std::string& expected) { return found.contains(prefix + expected); });
    if (whole) prefixes.push_back(prefix);
  }
  if (prefixes.empty() || found.contains(evidence.expected_names.front())) return std::nullopt;
  const auto averaged =
      std::find_if(prefixes.begin(), prefixes.end(), [](const std::string& p) { return p.find("ema") != p.npos; });
  const std::string& prefix = averaged == prefixes.end() ? prefixes.front() : *averaged;
  const auto beside = std::count_if(found.begin(), found.end(), [&](auto name) { return !name.starts_with(prefix); });
  if (beside == 0) return std::nullopt;  // a wrapper, which FindWrapperCause knows
  std::string from = "a module that holds the model";
  if (averaged != prefixes.end()) from = "an EMA wrapper, and this is its averaged copy";
  if (found.contains("n_averaged")) from = "torch.optim.swa_utils.AveragedModel";
  return LikelyCause{
      fmt::format("the model stands whole under '{}', beside {} other tensor{}: the state dict is that of {}", prefix,
                  beside, beside == 1 ? "" : "s", from),
      fmt::format("Take it alone: best_state = {{k.removeprefix('{0}'): v for k, v in best_state.items() if "
                  "k.startswith('{0}')}}",
                  prefix)};
}

// The wrappers around the model at the time of saving, outermost first, of which there may be several.
std::optional<LikelyCause> FindWrapperCause(const Evidence& evidence) {
  std::vector<std::string> names = evidence.agreement.unexpected;
  std::vector<std::string> markers, wrappers, calls;
  for (size_t round = 0; round < 3; ++round) {
    for (const Wrapper& wrapper : kWrappers) {
      size_t changed = 0;
      std::vector<std::string> next = names;
      for (std::string& name : next) {
        std::string stripped = Stripped(name, wrapper);
        changed += stripped != name ? 1 : 0;
        name = std::move(stripped);
      }
      if (changed * 2 <= names.size()) continue;
      names = std::move(next);
      markers.push_back(fmt::format("'{}'", wrapper.marker));
      wrappers.emplace_back(wrapper.what);
      calls.push_back(fmt::format("{}('{}'{})", wrapper.anywhere ? "replace" : "removeprefix", wrapper.marker,
                                  wrapper.anywhere ? ", ''" : ""));
      const auto fitting = std::count_if(names.begin(), names.end(),
                                         [&](const std::string& name) { return evidence.expected.contains(name); });
      if (static_cast<size_t>(fitting) * 2 > names.size()) {
        return LikelyCause{
            fmt::format("the names carry {}: the state dict was taken from {}, and not from the model inside",
                        fmt::join(markers, " and "), fmt::join(wrappers, " and ")),
            fmt::format("Strip the prefix: best_state = {{k.{}: v for k, v in best_state.items()}}",
                        fmt::join(calls, "."))};
      }
    }
  }
  return std::nullopt;
}

size_t CountContaining(const std::vector<std::string>& names, std::initializer_list<std::string_view> parts) {
  return static_cast<size_t>(std::count_if(names.begin(), names.end(), [&](const std::string& name) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](std::string_view part) { return name.find(part) != std::string::npos; });
  }));
}

// Tensors of a training tool beside or around the model's own.
std::optional<LikelyCause> FindLeftoverCause(const Evidence& evidence) {
  const auto& unexpected = evidence.agreement.unexpected;
  if (const size_t count =
          CountContaining(unexpected, {"lora_A", "lora_B", "lora_embedding_", "lora_magnitude", ".base_layer."})) {
    return LikelyCause{
        fmt::format(
            "{} names are those of a LoRA adapter (peft) that was never merged. audiocraft has no adapters, and "
            "leaving their tensors out would drop the fine-tuning",
            count),
        "Call model.merge_and_unload() and export what it returns"};
  }
  std::vector<std::string> without_ema;
  std::string_view prefix;
  for (const std::string& name : unexpected) {
    for (const std::string_view marker : {"model_ema.", "ema_model.", "ema.module.", "ema.state.", "ema."}) {
      if (name.starts_with(marker)) {
        without_ema.push_back(name);
        prefix = marker;
        break;
      }
    }
  }
  if (!without_ema.empty() && without_ema.size() * 2 > unexpected.size()) {
    return LikelyCause{
        fmt::format(
            "{} tensors are a moving average (EMA) of the weights, beside the weights themselves. The trainer of "
            "audiocraft keeps the average apart, under 'ema' in its checkpoint, and audiocraft.utils.export "
            "leaves that out",
            without_ema.size()),
        fmt::format(
            "Export one set, under the model's own names: best_state = {{k: v for k, v in best_state.items() if "
            "not k.startswith('{0}')}}, or, for the average, {{k.removeprefix('{0}'): v for k, v in "
            "best_state.items() if k.startswith('{0}')}}",
            prefix)};
  }
  if (const size_t count = CountContaining(unexpected, {".parametrizations.weight.original"})) {
    return LikelyCause{
        fmt::format("{} tensors carry weight norm in the spelling of torch.nn.utils.parametrizations; audiocraft uses "
                    "that of torch.nn.utils.weight_norm",
                    count),
        "Rename parametrizations.weight.original0 to weight_g, and original1 to weight_v: best_state = "
        "{k.replace('parametrizations.weight.original0', 'weight_g').replace('parametrizations.weight.original1', "
        "'weight_v'): v for k, v in best_state.items()}"};
  }
  return std::nullopt;
}

// Weight norm that the config asks for and the tensors no longer have.
std::optional<LikelyCause> FindFoldedNormCause(const Evidence& evidence) {
  size_t folded = 0;
  const std::set<std::string_view> found(evidence.found_names.begin(), evidence.found_names.end());
  for (const std::string& name : evidence.expected_names) {
    if (!name.ends_with(".weight_g") || found.contains(name)) continue;
    folded += found.contains(name.substr(0, name.size() - 2)) ? 1 : 0;
  }
  if (folded == 0) return std::nullopt;
  return LikelyCause{
      fmt::format("weight norm was removed from {} convolutions (remove_weight_norm leaves `weight` for weight_g and "
                  "weight_v), but seanet.norm still asks for it",
                  folded),
      "Export the codec before its weight norm is removed"};
}

// All mismatched tensors of the state dict.
std::vector<const Disagreement::Mismatch*> Mismatches(const Agreement& agreement) {
  std::vector<const Disagreement::Mismatch*> all;
  for (const auto& [group, disagreement] : agreement.groups) {
    for (const auto& mismatch : disagreement.mismatched) all.push_back(&mismatch);
  }
  return all;
}

std::optional<LikelyCause> FindTransposedCause(const Evidence& evidence) {
  size_t transposed = 0;
  const auto mismatches = Mismatches(evidence.agreement);
  for (const auto* mismatch : mismatches) {
    const std::vector<int64_t> reversed(mismatch->found.rbegin(), mismatch->found.rend());
    transposed += mismatch->found.size() == 2 && reversed == mismatch->expected.shape ? 1 : 0;
  }
  if (transposed == 0 || transposed * 2 <= mismatches.size()) return std::nullopt;
  return LikelyCause{
      fmt::format("{} {} transposed, [in, out] for PyTorch's [out, in], as conversions from JAX, TensorFlow or Conv1D "
                  "leave it",
                  transposed, transposed == 1 ? "matrix is" : "matrices are"),
      "Transpose all matrices back, and the square ones as well: those fit, and are wrong"};
}

// One rank's part: the first dimension of every tensor is the n-th part of what it should be, rounded up.
std::optional<LikelyCause> FindShardCause(const Evidence& evidence, size_t expected_count) {
  const auto mismatches = Mismatches(evidence.agreement);
  if (mismatches.size() < 2 || mismatches.size() * 2 < expected_count) return std::nullopt;
  const auto rows = [](const std::vector<int64_t>& shape) { return shape.empty() ? int64_t{0} : shape[0]; };
  for (int64_t ranks = 2; ranks <= 1024; ++ranks) {
    const bool all = std::all_of(mismatches.begin(), mismatches.end(), [&](const auto* mismatch) {
      const auto &want = mismatch->expected.shape, &have = mismatch->found;
      return want.size() == have.size() && !want.empty() &&
             std::equal(want.begin() + 1, want.end(), have.begin() + 1) &&
             rows(have) == (rows(want) + ranks - 1) / ranks;
    });
    if (!all) continue;
    return LikelyCause{
        fmt::format("each tensor holds 1/{0} of its rows: this is the shard of one rank of {0} (FSDP, "
                    "DTensor.to_local), and the other shards are not here",
                    ranks),
        "Gather the full state dict on all ranks before saving: audiocraft does so into fsdp_best_state, which "
        "export_lm takes"};
  }
  return std::nullopt;
}

// Embeddings (and heads) with more rows than codes, for the speed of aligned matrices.
std::optional<LikelyCause> FindPaddedCause(const Evidence& evidence) {
  const auto mismatches = Mismatches(evidence.agreement);
  if (mismatches.empty()) return std::nullopt;
  for (const int64_t multiple : {512, 256, 128, 64, 32, 16, 8}) {
    const bool padded = std::all_of(mismatches.begin(), mismatches.end(), [&](const auto* mismatch) {
      const auto &want = mismatch->expected.shape, &have = mismatch->found;
      const std::string& name = mismatch->expected.name;
      return (name.starts_with("emb.") || name.starts_with("linears.")) && want.size() == 2 && have.size() == 2 &&
             want[1] == have[1] && have[0] == (want[0] + multiple - 1) / multiple * multiple;
    });
    if (!padded) continue;
    const auto* first = mismatches.front();
    return LikelyCause{
        fmt::format("{} {} rows, the next multiple of {}, where {} are used: the trainer padded for speed",
                    mismatches.size() == 1 ? "this matrix has" : "these matrices have", first->found[0], multiple,
                    first->expected.shape[0]),
        fmt::format(
            "Keep the rows that are used: best_state = {{k: v[:{}].clone() if k.startswith('{}') else v for k, v "
            "in best_state.items()}}",
            first->expected.shape[0], first->expected.name.substr(0, first->expected.name.find('.') + 1))};
  }
  return std::nullopt;
}

// Lists of modules that are longer or shorter than the config's.
std::optional<LikelyCause> FindCountCause(const Evidence& evidence) {
  struct Counted {
    const char* prefix;
    const char* one;
    const char* many;
    const char* key;
  };
  static constexpr std::array<Counted, 4> kCounted = {{
      {"transformer.layers.", "layer", "layers", "transformer_lm.num_layers"},
      {"emb.", "codebook", "codebooks", "transformer_lm.n_q"},
      {"quantizer.vq.layers.", "codebook", "codebooks", "rvq.n_q"},
      {"decoder.model.", "decoder module", "decoder modules", "seanet.ratios, n_residual_layers, lstm"},
  }};
  for (const Counted& counted : kCounted) {
    const int want = CountModules(evidence.expected_names, counted.prefix);
    const int have = CountModules(evidence.found_names, counted.prefix);
    if (want == have || have == 0) continue;
    return LikelyCause{
        fmt::format("{} {} in the file, {} in the config ({}): the config of one model with the weights of another",
                    have, have == 1 ? counted.one : counted.many, want, counted.key)};
  }
  return std::nullopt;
}

size_t CountMissing(const Agreement& agreement) {
  size_t missing = 0;
  for (const auto& [group, disagreement] : agreement.groups) missing += disagreement.missing.size();
  return missing;
}

size_t CountDisagreeing(const Agreement& agreement) {
  size_t count = CountMissing(agreement);
  for (const auto& [group, disagreement] : agreement.groups) count += disagreement.mismatched.size();
  return count;
}

}  // namespace

std::optional<LikelyCause> FindLikelyCause(const std::vector<TensorSpec>& specs, const std::vector<FoundTensor>& found,
                                           const Agreement& agreement) {
  Evidence evidence{found, agreement, {}, {}, {}};
  for (const TensorSpec& spec : specs) evidence.expected_names.push_back(spec.name);
  for (const FoundTensor& tensor : found) evidence.found_names.push_back(tensor.name);
  evidence.expected.insert(evidence.expected_names.begin(), evidence.expected_names.end());

  if (found.empty()) return LikelyCause{"best_state is empty"};
  const bool only_unexpected = CountDisagreeing(agreement) == 0;
  for (auto cause :
       {FindMechanism(agreement.unexpected),
        only_unexpected ? FindLeftovers(agreement.unexpected) : FindInnerModel(evidence), FindLeftoverCause(evidence),
        FindWrapperCause(evidence), FindFoldedNormCause(evidence), FindShardCause(evidence, specs.size()),
        FindTransposedCause(evidence), FindPaddedCause(evidence), FindCountCause(evidence)}) {
    if (cause) return cause;
  }
  const size_t missing = CountMissing(agreement);
  if (missing == specs.size() && missing > 0) {
    return LikelyCause{
        "none of the names fits: this is the state dict of another kind of model (are the two files swapped?)"};
  }
  return std::nullopt;
}

namespace {

// A tensor that another one of the file gives.
struct Twin {
  std::string_view missing, source;  // what their names end in, behind the same start
  const char* why;
};

constexpr Twin kTwins[] = {
    {"encoder.embed_tokens.weight", "shared.weight",
     "T5's embedding has two names, and the trainer's average of the weights (EMA) keeps a tied tensor under the first "
     "only"},
    {"_codebook.embed_avg", "_codebook.embed",
     "it is a buffer of the codec's training, which was left out as such, and strict loading wants it"},
};

// Where all that is missing has such a twin.
std::optional<LikelyCause> DescribeTwins(const std::vector<TensorSpec>& specs,
                                         const std::vector<std::string>& missing) {
  const std::set<std::string_view> without(missing.begin(), missing.end());
  for (const Twin& twin : kTwins) {
    std::vector<std::string> steps;
    for (const std::string& name : missing) {
      if (!name.ends_with(twin.missing)) break;
      const std::string source = name.substr(0, name.size() - twin.missing.size()) + std::string(twin.source);
      const bool there =
          !without.contains(source) &&
          std::any_of(specs.begin(), specs.end(), [&](const TensorSpec& spec) { return spec.name == source; });
      if (!there) break;
      steps.push_back(fmt::format("best_state['{}'] = best_state['{}'].clone()", name, source));
    }
    if (steps.size() < missing.size()) continue;
    return LikelyCause{twin.why, fmt::format("Put it in and save the file again: {}", fmt::join(steps, "; "))};
  }
  return std::nullopt;
}

}  // namespace

LikelyCause DescribeRest(const std::vector<TensorSpec>& specs, const Agreement& agreement, std::string_view file) {
  const size_t missing = CountMissing(agreement), wrong = CountDisagreeing(agreement);
  const size_t extra = agreement.unexpected.size();
  if (wrong == 0) {
    return {
        fmt::format("all {} tensors of the config are there and fit; what is left over is of a module that "
                    "audiocraft's model does not have",
                    specs.size()),
        fmt::format("Where it is no part of the model (a loss, a counter, another model), remove it: {} and save the "
                    "file again. A layer that was added to the model can't be loaded by audiocraft",
                    extra == 1 ? fmt::format("del best_state['{}']", agreement.unexpected.front())
                               : "del best_state[name] for each of these names,")};
  }
  if (missing == wrong && extra == 0 && missing < specs.size()) {
    std::vector<std::string> names;
    for (const auto& [group, disagreement] : agreement.groups) {
      for (const TensorSpec& spec : disagreement.missing) names.push_back(spec.name);
    }
    const auto all = [&](auto&& is) { return std::all_of(names.begin(), names.end(), is); };
    const auto heads = static_cast<size_t>(std::count_if(
        specs.begin(), specs.end(), [](const TensorSpec& spec) { return spec.name.starts_with("linears."); }));
    if (names.size() == heads && all([](const std::string& name) { return name.starts_with("linears."); })) {
      return {
          "all heads are missing and nothing else: a tool that writes shared tensors once (heads that were tied to the "
          "embeddings) dropped them",
          fmt::format("If the heads were tied, linears.N.weight is emb.N.weight without its last row: for i in "
                      "range({}): best_state[f'linears.{{i}}.weight'] = best_state[f'emb.{{i}}.weight'][:-1].clone(); "
                      "else export from the checkpoint",
                      heads)};
    }
    if (names.size() > 1 && all([](const std::string& name) {
          return MatchesGlob(name, "*attn.*proj*weight") || MatchesGlob(name, "*cross_attention.*proj*weight");
        })) {
      return {
          "only weights of attention are missing: a merge of LoRA (loralib, LoRA-Torch) leaves them as attributes that "
          "are not parameters, which a state dict leaves out",
          "Set them as parameters before saving (module.in_proj_weight = torch.nn.Parameter(module.in_proj_weight), and "
          "so on), and export again: this file does not hold them"};
    }
    if (auto twins = DescribeTwins(specs, names)) return *std::move(twins);
    return {
        fmt::format("the {} tensors that are there all fit: whoever wrote the file left out {}, as what was frozen, "
                    "or by a filter of names",
                    specs.size() - missing, missing == 1 ? "one" : fmt::format("{} others", missing)),
        fmt::format(
            "Where they were frozen, take them from the model that the training began with (BASE: the folder of "
            "its export): base = torch.load('BASE/{}', 'cpu')['best_state']; base.update(best_state); "
            "best_state = base. Else export again from the whole checkpoint",
            file)};
  }
  if (missing + extra == 0 && wrong * 4 <= specs.size()) {
    return {
        fmt::format("the other {} tensors fit: {} changed after the training, or {} from another model",
                    specs.size() - wrong, wrong == 1 ? "this one was" : "these were", wrong == 1 ? "comes" : "come"),
        fmt::format("Take {} from the checkpoint that the others are of: export it again, without the script that "
                    "changed or exchanged tensors",
                    wrong == 1 ? "it" : "them")};
  }
  return {
      fmt::format("{} of the {} tensors that the config asks for are there and fit: the file holds the weights of a "
                  "model of another config",
                  specs.size() - wrong, specs.size()),
      "Export both from one checkpoint, with audiocraft.utils.export"};
}

}  // namespace harness::architecture
