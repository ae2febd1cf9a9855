#include "harness/pipeline/alternatives.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "harness/architecture/edit_candidates.h"

namespace harness::pipeline {
namespace {

using Tensors = std::vector<architecture::TensorSpec>;

bool AreTheSame(const Tensors& a, const Tensors& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const architecture::TensorSpec& x, const architecture::TensorSpec& y) {
                      return x.name == y.name && x.shape == y.shape;
                    });
}

// Those of the language model proper: conditioners follow options that are not changed here.
Tensors ListOwnTensors(const architecture::LmSpec& spec) {
  Tensors tensors = architecture::ListLmTensors(spec);
  std::erase_if(tensors, [](const architecture::TensorSpec& tensor) { return tensor.group == "conditioners"; });
  return tensors;
}

template <class Value>
config::ConfigValue MakeValue(Value value) {
  config::ConfigValue made;
  made.data = std::move(value);
  return made;
}

void Exchange(model::TensorTable& tensors, const std::string& a, const std::string& b) {
  const at::Tensor first = tensors[a], second = tensors[b];
  tensors.Replace(a, second);
  tensors.Replace(b, first);
}

std::string DescribeExchange(int64_t i, int64_t j) { return fmt::format("codebooks {} and {} exchanged", i, j); }
constexpr const char* kNotExchanged = "each codebook in its place";

// Options, as edits of the config.
class ConfigAlternatives {
 public:
  ConfigAlternatives(const config::Config& config, const architecture::LmSpec& spec) : config_(config), spec_(spec) {}

  std::vector<Alternative> List() && {
    const std::string lm = "transformer_lm.";
    ListHeads({spec_.num_heads * 2, spec_.num_heads / 2});
    Try(lm + "activation", spec_.activation == "gelu" ? "relu" : "gelu", spec_.activation);
    ListDelays();
    for (const char* kind : {"sin", "rope", "sin_rope"})
      Try(lm + "positional_embedding", kind, spec_.positional_embedding);
    if (spec_.past_context) Try(lm + "past_context", nullptr, std::to_string(*spec_.past_context));
    for (const char* modeling : {"delay", "parallel", "unroll", "coarse_first", "musiclm"}) {
      if (modeling != spec_.pattern.modeling) Try("codebooks_pattern.modeling", modeling, spec_.pattern.modeling);
    }
    ListHeads({spec_.num_heads * 4, spec_.num_heads / 4});
    return std::move(list_);
  }

 private:
  void ListHeads(std::initializer_list<int64_t> counts) {
    for (const int64_t heads : counts) {
      if (heads > 0 && spec_.dim % heads == 0) Try("transformer_lm.num_heads", heads, std::to_string(spec_.num_heads));
    }
  }

  // The usual ones: mono, stereo whose sides are interleaved, none.
  void ListDelays() {
    if (spec_.pattern.kind != architecture::PatternSpec::Kind::kDelay || !config_.Has("codebooks_pattern.modeling"))
      return;
    std::vector<int64_t> rising, pairs, none;
    for (int64_t k = 0; k < spec_.num_codebooks; ++k) {
      rising.push_back(k);
      pairs.push_back(k / 2);
      none.push_back(0);
    }
    const std::vector<std::vector<int64_t>> lists = {rising, pairs, none};
    for (const auto& delays : lists) {
      if (delays == spec_.pattern.delays) continue;
      config::ConfigValue::List list;
      for (const int64_t delay : delays) list.emplace_back().data = delay;
      Try("codebooks_pattern.delay.delays", std::move(list),
          fmt::format("[{}]", fmt::join(spec_.pattern.delays, ", ")));
    }
  }

  template <class Value>
  void Try(const std::string& key, Value value, const std::string& present) {
    config::ConfigValue edited;
    if constexpr (std::is_same_v<Value, const char*>) {
      edited.data = std::string(value);
    } else if constexpr (!std::is_same_v<Value, std::nullptr_t>) {
      edited.data = std::move(value);
    }
    const std::string text = architecture::FormatYaml(edited);
    if (text == present) return;
    auto spec = architecture::DescribeLm(config_.With(key, std::move(edited)));
    if (!spec.ok() || !spec->not_run.empty() || !AreTheSame(ListOwnTensors(spec_), ListOwnTensors(*spec))) return;
    if (!architecture::CheckPattern(spec->pattern, spec->num_codebooks).ok()) return;
    list_.push_back({key, text, present, *std::move(spec)});
  }

  const config::Config& config_;
  const architecture::LmSpec& spec_;
  std::vector<Alternative> list_;
};

// Applies `change` to a tensor of each layer.
void ChangeLayers(const architecture::LmSpec& spec, model::TensorTable& tensors, const std::string& leaf,
                  const std::function<at::Tensor(const at::Tensor&)>& change) {
  for (int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const std::string name = fmt::format("transformer.layers.{}.{}", layer, leaf);
    if (tensors.Has(name)) tensors.Replace(name, change(tensors[name]));
  }
}

void ListOrders(const architecture::LmSpec& spec, std::vector<Alternative>& list) {
  static constexpr const char* kParts[] = {"query", "key", "value"};
  const std::string attention = spec.packed_attention() ? "self_attn." : "self_attn.mha.";
  if (spec.kv_repeat == 1) {
    std::vector<int64_t> order = {0, 1, 2};
    while (std::next_permutation(order.begin(), order.end())) {
      list.push_back({attention + "in_proj_weight",
                      fmt::format("{}, {}, {}", kParts[order[0]], kParts[order[1]], kParts[order[2]]),
                      "query, key, value", spec,
                      [attention, order](const architecture::LmSpec& of, model::TensorTable& tensors) {
                        // Part i of the file is what order[i] names.
                        std::vector<int64_t> place(3);
                        for (size_t i = 0; i < 3; ++i) place[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
                        const auto reorder = [&](const at::Tensor& packed) {
                          const auto parts = packed.chunk(3, 0);
                          return at::cat({parts[static_cast<size_t>(place[0])], parts[static_cast<size_t>(place[1])],
                                          parts[static_cast<size_t>(place[2])]});
                        };
                        for (const char* leaf : {"in_proj_weight", "in_proj_bias"})
                          ChangeLayers(of, tensors, attention + leaf, reorder);
                      }});
    }
    list.push_back({attention + "in_proj_weight", "each square transposed", "not transposed", spec,
                    [attention](const architecture::LmSpec& of, model::TensorTable& tensors) {
                      ChangeLayers(of, tensors, attention + "in_proj_weight", [](const at::Tensor& packed) {
                        const auto parts = packed.chunk(3, 0);
                        return at::cat({parts[0].t(), parts[1].t(), parts[2].t()});
                      });
                    }});
  }
  std::vector<std::string> square = {attention + "out_proj.weight"};
  if (spec.hidden_dim == spec.dim) square.insert(square.end(), {"linear1.weight", "linear2.weight"});
  for (const std::string& leaf : square) {
    list.push_back({leaf, "transposed", "not transposed", spec,
                    [leaf](const architecture::LmSpec& of, model::TensorTable& tensors) {
                      ChangeLayers(of, tensors, leaf, [](const at::Tensor& weight) { return weight.t().contiguous(); });
                    }});
  }
}

// Two codebooks' tensors in each other's place.
void ListCodebookSwaps(const architecture::LmSpec& spec, std::vector<Alternative>& list) {
  for (const char* prefix : {"linears", "emb"}) {
    for (int64_t i = 0; i < spec.num_codebooks; ++i) {
      for (int64_t j = i + 1; j < spec.num_codebooks; ++j) {
        list.push_back({fmt::format("{}.*", prefix), DescribeExchange(i, j), kNotExchanged, spec,
                        [prefix = std::string(prefix), i, j](const architecture::LmSpec&, model::TensorTable& tensors) {
                          for (const char* leaf : {"weight", "bias"}) {
                            const std::string a = fmt::format("{}.{}.{}", prefix, i, leaf);
                            const std::string b = fmt::format("{}.{}.{}", prefix, j, leaf);
                            if (tensors.Has(a)) Exchange(tensors, a, b);
                          }
                        }});
      }
    }
  }
}

// An edit of the config, if it builds and changes something that no tensor shows.
void TryCodec(const config::Config& edited, const architecture::CodecSpec& spec, const std::string& key,
              const std::string& value, const std::string& present, std::vector<CodecAlternative>& list) {
  if (value == present) return;
  auto other = architecture::DescribeCodec(edited);
  if (other.ok() && AreTheSame(ListCodecTensors(spec), ListCodecTensors(*other)))
    list.push_back({key, value, present, *std::move(other)});
}

}  // namespace

std::vector<Alternative> ListAlternatives(const config::Config& config, const architecture::LmSpec& spec) {
  std::vector<Alternative> list = ConfigAlternatives(config, spec).List();
  ListOrders(spec, list);
  ListCodebookSwaps(spec, list);
  return list;
}

std::vector<CodecAlternative> ListCodecAlternatives(const config::Config& config, const architecture::CodecSpec& spec,
                                                    int64_t codebooks) {
  std::vector<CodecAlternative> list;
  TryCodec(config.With("encodec.causal", MakeValue(!spec.causal)), spec, "encodec.causal",
           architecture::FormatYaml(MakeValue(!spec.causal)), architecture::FormatYaml(MakeValue(spec.causal)), list);
  for (const char* name : {"ELU", "ReLU", "LeakyReLU", "GELU", "SiLU"}) {
    // The parameters are one activation's; each is tried as PyTorch has it by default.
    const auto present = config.GetString("seanet.activation");
    if (present.ok() && *present == name) continue;
    const config::Config plain = config.With("seanet.activation_params", MakeValue(config::ConfigValue::Map()));
    TryCodec(plain.With("seanet.activation", MakeValue(std::string(name))), spec, "seanet.activation",
             fmt::format("{} with seanet.activation_params: {{}}", name), present.ok() ? *present : "ELU", list);
  }
  for (int64_t i = 0; i < codebooks; ++i) {
    for (int64_t j = i + 1; j < codebooks; ++j) {
      list.push_back({"quantizer.vq.layers.*", DescribeExchange(i, j), kNotExchanged, spec,
                      [i, j](const architecture::CodecSpec& of, model::TensorTable& tensors) {
                        Exchange(tensors, of.Codebook(i) + ".embed", of.Codebook(j) + ".embed");
                      }});
    }
  }
  return list;
}

}  // namespace harness::pipeline
