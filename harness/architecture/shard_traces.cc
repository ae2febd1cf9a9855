#include "harness/architecture/shard_traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace harness::architecture {
namespace {

constexpr std::string_view kWrapped = "_fsdp_wrapped_module";

constexpr const char* kGather =
    "Gather the full state dict on all ranks before saving: audiocraft does so into fsdp_best_state, which "
    "audiocraft.utils.export.export_lm takes where it is filled";

Error Mismatch(std::string message, std::string remedy = kGather) {
  return {ErrorCode::kMismatch, std::move(message), std::move(remedy)};
}

// Matrices in every MusicGen and EnCodec, whatever the config.
bool IsMatrix(std::string_view name) {
  for (const std::string_view leaf : {".linear1.weight", ".linear2.weight", ".in_proj_weight", ".out_proj.weight",
                                      ".output_proj.weight", ".weight_v", "._codebook.embed"}) {
    if (name.ends_with(leaf)) return true;
  }
  return (name.starts_with("emb.") || name.starts_with("linears.")) && name.ends_with(".weight");
}

std::vector<std::string> Names(const std::vector<FoundTensor>& found, bool (*is)(const FoundTensor&)) {
  std::vector<std::string> names;
  for (const FoundTensor& tensor : found) {
    if (is(tensor)) names.push_back(tensor.name);
  }
  return names;
}

}  // namespace

Status CheckNotSharded(const std::vector<FoundTensor>& found) {
  const auto flat = Names(found, [](const FoundTensor& tensor) {
    return tensor.name.find("_flat_param") != std::string::npos || tensor.name.find("flat_param_") != std::string::npos;
  });
  if (!flat.empty()) {
    return Mismatch(fmt::format(
        "best_state holds {} flat parameter{} of FSDP: {}. Each is one rank's part of many tensors, in one dimension",
        flat.size(), flat.size() == 1 ? "" : "s", FoldNames(flat, 3)));
  }
  const bool placeholders = found.size() > 1 && std::all_of(found.begin(), found.end(), [](const FoundTensor& tensor) {
                              return tensor.shape == std::vector<int64_t>{0} || tensor.shape == std::vector<int64_t>{1};
                            });
  if (placeholders) {
    return Mismatch(
        fmt::format("all {} tensors have one element or none: these are the placeholders that DeepSpeed's ZeRO stage 3 "
                    "leaves on each process, and the weights are in the other files of the run",
                    found.size()),
        "Gather them with zero_to_fp32.py, which DeepSpeed writes into the folder of the checkpoint, or save with "
        "stage3_gather_16bit_weights_on_model_save; then export");
  }
  const auto empty = Names(found, [](const FoundTensor& tensor) {
    return std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end();
  });
  if (!empty.empty()) {
    return Mismatch(
        fmt::format(
            "{} tensor{} no elements: {}. That is what a rank of FSDP keeps of parameters that other ranks hold, "
            "and DeepSpeed's ZeRO stage 3 of those that were frozen",
            empty.size(), empty.size() == 1 ? " has" : "s have", FoldNames(empty, 3)),
        fmt::format(
            "{}. Where DeepSpeed trained, take the empty ones by name from the model that the training began with",
            kGather));
  }
  const auto matrices = Names(found, [](const FoundTensor& tensor) { return IsMatrix(tensor.name); });
  const auto lines =
      Names(found, [](const FoundTensor& tensor) { return IsMatrix(tensor.name) && tensor.shape.size() == 1; });
  if (!lines.empty() && lines.size() * 2 >= matrices.size()) {
    return Mismatch(fmt::format(
        "{} of {} matrices have one dimension: {}. FSDP keeps parameters that way on each rank (use_orig_params), and "
        "no more than its own part of them",
        lines.size(), matrices.size(), FoldNames(lines, 3)));
  }
  const auto wrapped =
      Names(found, [](const FoundTensor& tensor) { return tensor.name.find(kWrapped) != std::string::npos; });
  if (!wrapped.empty()) {
    return Mismatch(
        fmt::format("{} names carry '{}.': {}. The state dict was taken from inside of FullyShardedDataParallel",
                    wrapped.size(), kWrapped, FoldNames(wrapped, 3)),
        fmt::format("{}; or, if every tensor is whole, strip the prefix: best_state = {{k.replace('{}.', ''): v for k, "
                    "v in best_state.items()}}",
                    kGather, kWrapped));
  }
  return {};
}

}  // namespace harness::architecture
