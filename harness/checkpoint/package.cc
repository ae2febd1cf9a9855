#include "harness/checkpoint/package.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "harness/base/safe_text.h"
#include "harness/pickle/pickle_globals.h"
#include "harness/pickle/plain_value.h"

namespace harness::checkpoint {
namespace {

using Kind = pickle::Node::Kind;

// MusicgenForConditionalGeneration and MusicgenForCausalLM.
bool IsNameOfTransformers(std::string_view name) {
  for (const std::string_view start : {"decoder.model.decoder.", "decoder.lm_heads.", "text_encoder.", "audio_encoder.",
                                       "enc_to_dec_proj.", "model.decoder.", "lm_heads."}) {
    if (name.starts_with(start)) return true;
  }
  return false;
}

class PackageReader {
 public:
  PackageReader(const Checkpoint& checkpoint, PackageKind kind, const PackageAdvice& advice)
      : checkpoint_(checkpoint),
        pickle_(checkpoint.pickle()),
        kind_(kind),
        file_(checkpoint.file().name()),
        exporter_(advice.exporter),
        empty_(advice.empty),
        refill_(advice.refill) {}

  Result<Package> Run() {
    const pickle::Node& root = *pickle_.Root();
    if (root.kind != Kind::kDict) return DescribeRoot(root);
    std::unordered_set<std::string> seen;
    for (const auto& [key, value] : root.pairs) {
      std::string name = KeyText(key);
      if (seen.insert(name).second) package_.keys.push_back(std::move(name));
      if (package_.keys.size() == kMaxKeys) break;
    }
    HARNESS_RETURN_IF_ERROR(kind_ == PackageKind::kCodec && Has("pretrained") ? ReadReference() : ReadWeights());
    HARNESS_RETURN_IF_ERROR(CheckNothingInPieces());
    return std::move(package_);
  }

 private:
  // Enough for messages: a bare state dict of the largest model has some thousands.
  static constexpr size_t kMaxKeys = 10'000;
  static constexpr size_t kShown = 5;

  Error Mismatch(std::string_view what) const { return Mismatch(what, exporter_); }
  Error Mismatch(std::string_view what, std::string remedy) const {
    return {ErrorCode::kMismatch, fmt::format("{}: {}", file_, what), std::move(remedy)};
  }

  pickle::NodeId Find(std::string_view key) const { return pickle_.Find(pickle_.root, key); }
  bool Has(std::string_view key) const { return Find(key) != pickle::kNoNode; }

  std::string KeyText(pickle::NodeId key) const {
    return pickle_[key].kind == Kind::kString ? Printable(pickle_[key].text) : pickle_.Describe(key, 60);
  }

  // The first few keys of a dict.
  std::string Keys(pickle::NodeId dict) const {
    std::vector<std::string> shown;
    const size_t count = pickle_[dict].pairs.size();
    for (size_t i = 0; i < std::min(count, kShown); ++i) shown.push_back(KeyText(pickle_[dict].pairs[i].first));
    if (count > kShown) shown.push_back(fmt::format("and {} more", count - kShown));
    return fmt::format("{}", fmt::join(shown, ", "));
  }

  size_t CountTensors(pickle::NodeId dict) const {
    const auto& pairs = pickle_[dict].pairs;
    return static_cast<size_t>(std::count_if(
        pairs.begin(), pairs.end(), [&](const auto& pair) { return pickle_[pair.second].kind == Kind::kTensor; }));
  }

  // "torch.distributed...": FSDP's and tensor parallelism's pieces. "" for anything else.
  std::string_view ShardType(pickle::NodeId id) const {
    const pickle::Node& node = pickle_[id];
    pickle::NodeId type = node.kind == Kind::kObject ? node.callable : pickle::kNoNode;
    // torch._utils._rebuild_wrapper_subclass(DTensor, ...) and _rebuild_from_type_v2(function, DTensor, ...)
    if (node.kind == Kind::kObject && node.arguments != pickle::kNoNode && type != pickle::kNoNode &&
        pickle_[type].text.find("_rebuild_") != std::string::npos) {
      for (const pickle::NodeId argument : pickle_[node.arguments].items) {
        if (pickle_[argument].kind == Kind::kGlobal && pickle_[argument].text.starts_with("torch.distributed.")) {
          type = argument;
          break;
        }
      }
    }
    if (type == pickle::kNoNode || !pickle_[type].text.starts_with("torch.distributed.")) return {};
    return pickle_[type].text;
  }

  Error DescribeRoot(const pickle::Node& root) const {
    switch (root.kind) {
      case Kind::kTensor: return Mismatch("holds a single tensor, not an export");
      case Kind::kObject:
        return Mismatch(fmt::format("holds an object ({}), not an export: torch.save(model) or the like made it",
                                    pickle_.Describe(pickle_.root, 80)));
      default:
        return Mismatch(
            fmt::format("holds {}, not a dict with best_state and xp.cfg", pickle_.Describe(pickle_.root, 80)));
    }
  }

  // Something that has no best_state.
  Error DescribeLookAlike() const {
    const pickle::NodeId root = pickle_.root;
    const std::string keys = Keys(root);
    if (pickle_[root].pairs.empty()) return Mismatch("holds an empty dict");
    if (const pickle::NodeId reference = Find("pretrained"); reference != pickle::kNoNode) {
      return Mismatch(
          fmt::format("is a reference to the codec {}, not a language model: the two files are swapped, or "
                      "export_pretrained_compression_model wrote to the wrong name",
                      pickle_.Describe(reference, 120)));
    }
    if (Has("pytorch-lightning_version") || (Has("state_dict") && Has("global_step"))) {
      return Mismatch(fmt::format("is a PyTorch Lightning checkpoint (its keys: {}), not an export of audiocraft{}",
                                  keys, NamesIn(Find("state_dict"))),
                      ExportOrPackByHand());
    }
    if (Has("ds_version") || Has("ds_config")) {
      return Mismatch(fmt::format("is a DeepSpeed checkpoint (its keys: {}), not an export of audiocraft{}", keys,
                                  NamesIn(Find("module"))),
                      ExportOrPackByHand());
    }
    if (Has("xp.sig") || Has("history") || Has("fsdp_best_state")) {
      return Mismatch(fmt::format("is a training checkpoint of audiocraft without a best_state (its keys: {}): "
                                  "checkpoint.keep_every_states left it out",
                                  keys),
                      fmt::format("Take the checkpoint.th of the same run. {}", exporter_));
    }
    if (const size_t tensors = CountTensors(root); tensors * 2 > pickle_[root].pairs.size()) {
      const bool transformers =
          std::any_of(pickle_[root].pairs.begin(), pickle_[root].pairs.end(),
                      [&](const auto& pair) { return IsNameOfTransformers(pickle_[pair.first].text); });
      if (transformers) {
        return Mismatch(
            fmt::format("is the bare state dict of a model of the Transformers library (save_pretrained; {} tensors: "
                        "{}), whose names audiocraft does not know. Transformers converts audiocraft's exports; there "
                        "is no converter back",
                        tensors, keys));
      }
      return Mismatch(fmt::format("is a bare state dict ({} tensors at the top: {}), without xp.cfg: "
                                  "torch.save(model.state_dict(), ...), or the pytorch_model.bin that Accelerate and "
                                  "Diffusers write",
                                  tensors, keys),
                      ExportOrPackByHand());
    }
    if (Has("model") && (Has("optimizer") || Has("optimizer_state_dict") || Has("epoch"))) {
      return Mismatch(fmt::format("is a training checkpoint (its keys: {}), not an export", keys));
    }
    if (Has("state_dict") || Has("model_state_dict")) {
      return Mismatch(fmt::format("is a checkpoint of another trainer (its keys: {}), not an export", keys),
                      ExportOrPackByHand());
    }
    return Mismatch(fmt::format("has no best_state (its keys: {}). audiocraft raises KeyError", keys));
  }

  // "; its tensors are named model.emb.0.weight, ..."
  std::string NamesIn(pickle::NodeId dict) const {
    if (dict == pickle::kNoNode || pickle_[dict].pairs.empty()) return "";
    return fmt::format("; its tensors are named {}", Keys(dict));
  }

  std::string ExportOrPackByHand() const {
    return fmt::format(
        "{}. What audiocraft did not train needs the package by hand: torch.save({{'best_state': tensors by "
        "audiocraft's names, 'xp.cfg': OmegaConf.to_yaml(cfg)}}, '{}')",
        exporter_, file_);
  }

  // `nested`: best_state[key], in which the tensors are.
  Error DescribeNested(const std::string& key, pickle::NodeId nested) const {
    std::string what = fmt::format("best_state has the tensors one level too deep, in best_state['{}'] ({} of them)",
                                   key, CountTensors(nested));
    const pickle::NodeId gathered = Find("fsdp_best_state");
    const bool raw = Has("xp.sig") || Has("history") || gathered != pickle::kNoNode || Has("optimizer");
    if (!raw) {
      return Mismatch(what, fmt::format("Take them one level up: p = torch.load('{0}', 'cpu'); p['best_state'] = "
                                        "p['best_state']['{1}']; torch.save(p, '{0}')",
                                        file_, key));
    }
    what += fmt::format(": this is the raw training checkpoint (its keys: {})", Keys(pickle_.root));
    const pickle::NodeId whole = gathered == pickle::kNoNode ? pickle::kNoNode : pickle_.Find(gathered, "model");
    if (whole == pickle::kNoNode) return Mismatch(what);
    if (pickle_[whole].kind == Kind::kDict && pickle_[whole].pairs.empty()) {
      // FullStateDictConfig(rank0_only=True) leaves the other ranks an empty dict.
      return Mismatch(
          fmt::format("{}, and one rank's shard of a training with FSDP (checkpoint.th.1 and so on){}: its "
                      "fsdp_best_state is empty. The whole model is in rank 0's checkpoint.th only",
                      what, CountEmpty(nested)));
    }
    return Mismatch(fmt::format("{}, trained with FSDP: the full weights are in fsdp_best_state", what));
  }

  // " with 20 of 36 tensors empty", where some are: flat parts of what other ranks hold.
  std::string CountEmpty(pickle::NodeId dict) const {
    size_t empty = 0;
    for (const auto& [key, value] : pickle_[dict].pairs) {
      if (pickle_[value].kind == Kind::kTensor && checkpoint_.tensors()[pickle_[value].tensor].num_elements() == 0)
        ++empty;
    }
    return empty == 0 ? "" : fmt::format(", with {} of {} tensors empty", empty, CountTensors(dict));
  }

  // torch.distributed's objects are let through so far that they can be named: beside the weights, too, they need a
  // package and processes that nobody has who loads an export.
  Status CheckNothingInPieces() const {
    for (const pickle::Node& node : pickle_.nodes) {
      if (node.kind != Kind::kGlobal || pickle::FindGlobalRole(node.text) != pickle::GlobalRole::kDistributed) continue;
      return Mismatch(
          fmt::format("holds an object of {}, a piece of a tensor or of its description that distributed "
                      "training left",
                      node.text));
    }
    return {};
  }

  // CompressionModel.get_pretrained takes text or a path, and makes a Path of whatever else it is given.
  Status ReadReference() {
    const pickle::NodeId name = Find("pretrained");
    const pickle::Node& node = pickle_[name];
    const bool is_path = node.kind == Kind::kObject && node.callable != pickle::kNoNode &&
                         pickle::FindGlobalRole(pickle_[node.callable].text) == pickle::GlobalRole::kPath;
    if (node.kind != Kind::kString && !is_path) {
      return Mismatch(
          fmt::format("pretrained is {}, not text (expected the name of a codec, such as 'facebook/encodec_32khz'): "
                      "audiocraft raises TypeError",
                      pickle_.Describe(name, 80)),
          "Export it again with export_pretrained_compression_model, or remove the key where the file has weights of "
          "its own");
    }
    HARNESS_ASSIGN_OR_RETURN(const pickle::PlainValue text, pickle::ToPlainValue(pickle_, name));
    package_.pretrained = text.text;
    return {};
  }

  Status ReadWeights() {
    const pickle::NodeId best = Find("best_state");
    if (best == pickle::kNoNode) return DescribeLookAlike();
    HARNESS_RETURN_IF_ERROR(ReadBestState(best));
    const pickle::NodeId config = Find("xp.cfg");
    if (config == pickle::kNoNode) {
      return Mismatch(fmt::format("has no xp.cfg, from which the model is built (its keys: {})", Keys(pickle_.root)));
    }
    const Kind kind = pickle_[config].kind;
    if (kind != Kind::kString && kind != Kind::kDict && kind != Kind::kObject) {
      return Mismatch(fmt::format("xp.cfg is {}, not a config (expected the text that OmegaConf.to_yaml(cfg) gives)",
                                  pickle_.Describe(config, 60)));
    }
    package_.config = config;
    return {};
  }

  // What makes an export of a best_state with entries that are not tensors.
  std::string DescribeRepair(const std::vector<std::pair<pickle::NodeId, pickle::NodeId>>& pairs) const {
    bool arrays = true, extra = true, tensors = false;
    for (const auto& [key, value] : pairs) {
      const pickle::Node& node = pickle_[value];
      if (node.kind == Kind::kTensor && pickle_[key].kind == Kind::kString) {
        tensors = true;
        continue;
      }
      arrays = arrays && node.callable != pickle::kNoNode && pickle_[node.callable].text.starts_with("numpy.");
      extra = extra && pickle_[key].kind == Kind::kString && pickle_[key].text.ends_with("_extra_state");
    }
    if (arrays) {
      return "They are of NumPy: best_state = {k: torch.as_tensor(v) for k, v in best_state.items()}, and save the file "
             "again";
    }
    if (extra) {
      return "They are what layers with float8 kernels (Transformer Engine) keep of their scaling, and no weights: "
             "best_state = {k: v for k, v in best_state.items() if not k.endswith('_extra_state')}, and save the file "
             "again";
    }
    if (!tensors) return exporter_;
    return "Where they are no weights, leave them out: best_state = {k: v for k, v in best_state.items() if "
           "isinstance(v, torch.Tensor)}, and save the file again";
  }

  Status ReadBestState(pickle::NodeId best) {
    if (pickle_[best].kind != Kind::kDict) {
      return Mismatch(fmt::format("best_state is {}, not a dict of tensors", pickle_.Describe(best, 60)));
    }
    const auto& pairs = pickle_[best].pairs;
    if (pairs.empty()) return Mismatch(fmt::format("best_state is empty: {}", empty_), refill_);
    if (CountTensors(best) == 0) {
      for (const auto& [key, value] : pairs) {
        if (pickle_[value].kind != Kind::kDict) continue;
        if (CountTensors(value) > 0 || (pickle_[key].kind == Kind::kString && pickle_[key].text == "model")) {
          return DescribeNested(KeyText(key), value);
        }
      }
    }
    std::vector<std::string> others;
    size_t count_others = 0;
    std::string_view shard_type;
    std::unordered_map<std::string_view, size_t> index;
    for (const auto& [key, value] : pairs) {
      const pickle::Node& name = pickle_[key];
      const pickle::Node& node = pickle_[value];
      if (name.kind == Kind::kString && name.text.size() > kMaxTensorName) {
        return Mismatch(
            fmt::format("best_state has a key of {} bytes ({}); no module of a model makes one of more than {}, and "
                        "strict loading raises",
                        name.text.size(), Printable(name.text, 60), kMaxTensorName));
      }
      if (name.kind == Kind::kString && node.kind == Kind::kTensor) {
        const auto [found, added] = index.try_emplace(name.text, package_.best_state.size());
        if (added) {
          package_.best_state.push_back({name.text, node.tensor});
        } else {
          package_.best_state[found->second].tensor = node.tensor;
        }
        continue;
      }
      const std::string_view type = ShardType(value);
      if (shard_type.empty()) shard_type = type;
      if (++count_others <= kShown) {
        others.push_back(fmt::format(
            "{} is {}", KeyText(key),
            type.empty() ? pickle_.Describe(value, 60) : "a " + Printable(type.substr(type.rfind('.') + 1))));
      }
    }
    if (count_others == 0) return {};
    package_.best_state.clear();
    if (count_others > kShown) others.push_back(fmt::format("and {} more", count_others - kShown));
    const std::string what = fmt::format("best_state holds {} of {} entries that are not tensors: {}", count_others,
                                         pairs.size(), fmt::join(others, "; "));
    if (shard_type.empty()) {
      return Mismatch(what + ". Only tensors can be loaded into the model", DescribeRepair(pairs));
    }
    return Mismatch(
        fmt::format("{}. These are pieces of tensors that FSDP left on each rank ({})", what, Printable(shard_type)),
        fmt::format("Gather the full state dict before saving (audiocraft does it in fsdp_best_state). {}", exporter_));
  }

  const Checkpoint& checkpoint_;
  const pickle::Pickle& pickle_;
  const PackageKind kind_;
  const std::string file_;
  const std::string& exporter_;
  const std::string& empty_;
  const std::string& refill_;
  Package package_;
};

}  // namespace

Result<Package> ReadPackage(const Checkpoint& checkpoint, PackageKind kind, const PackageAdvice& advice) {
  if (!checkpoint.pickle_status().ok()) return checkpoint.pickle_status().error();
  return PackageReader(checkpoint, kind, advice).Run();
}

}  // namespace harness::checkpoint
