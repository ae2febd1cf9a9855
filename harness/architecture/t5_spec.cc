#include "harness/architecture/t5_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "harness/base/json_text.h"
#include "harness/base/safe_text.h"

namespace harness::architecture {
namespace {

using Json = nlohmann::json;

// Far beyond t5-11b; keeps every product of two of them far from overflowing.
constexpr int64_t kMaxWidth = 1 << 20;
constexpr int64_t kMaxLayers = 1000;

class SpecReader {
 public:
  SpecReader(const Json& config, const std::string& file) : config_(config), file_(file) {}

  Result<T5Spec> Run() {
    if (!config_.is_object()) return Error{ErrorCode::kCorrupt, file_ + ": is not a JSON object"};
    struct Size {
      const char* key;
      const char* other;  // PretrainedConfig.attribute_map: sets the same attribute, and later
      int64_t* value;
      int64_t limit;
    };
    const std::array<Size, 8> sizes = {
        {{"vocab_size", nullptr, &spec_.vocab_size, INT32_MAX},
         {"d_model", "hidden_size", &spec_.d_model, kMaxWidth},
         {"d_kv", nullptr, &spec_.d_kv, kMaxWidth},
         {"d_ff", nullptr, &spec_.d_ff, kMaxWidth},
         {"num_layers", "num_hidden_layers", &spec_.num_layers, kMaxLayers},
         {"num_heads", "num_attention_heads", &spec_.num_heads, kMaxWidth},
         {"relative_attention_num_buckets", nullptr, &spec_.relative_attention_num_buckets, kMaxWidth},
         {"relative_attention_max_distance", nullptr, &spec_.relative_attention_max_distance, INT32_MAX}}};
    for (const Size& size : sizes) {
      for (const char* key : {size.key, size.other}) {
        if (key != nullptr) HARNESS_RETURN_IF_ERROR(ReadSize(key, size.limit, *size.value));
      }
    }
    HARNESS_RETURN_IF_ERROR(ReadEpsilon());
    HARNESS_RETURN_IF_ERROR(ReadFeedForward());
    // _relative_position_bucket divides by half of half of the buckets, and by the logarithm of the distance over it.
    const int64_t exact = spec_.relative_attention_num_buckets / 4;
    if (exact < 1 || spec_.relative_attention_max_distance <= exact) {
      return Error{
          ErrorCode::kMismatch,
          fmt::format("{}: relative_attention_num_buckets is {} and relative_attention_max_distance {}; at least "
                      "4 buckets, and a distance above a quarter of them, expected",
                      file_, spec_.relative_attention_num_buckets, spec_.relative_attention_max_distance)};
    }
    return spec_;
  }

 private:
  static std::string Found(const Json& value) { return Printable(value.dump(-1, ' ', true), 60); }

  Error Kind(const char* key, const char* expected, const Json& value) const {
    return {ErrorCode::kCorrupt, fmt::format("{}: {} must be {}, found {}", file_, key, expected, Found(value))};
  }

  Status ReadSize(const char* key, int64_t limit, int64_t& out) const {
    const auto value = config_.find(key);
    if (value == config_.end()) return {};
    if (!value->is_number_unsigned() || *value == 0) return Kind(key, "a positive integer", *value);
    if (value->get<uint64_t>() > static_cast<uint64_t>(limit)) {
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{}: {} is {}; at most {} is read", file_, key, Found(*value), limit)};
    }
    out = value->get<int64_t>();
    return {};
  }

  Status ReadEpsilon() {
    const auto value = config_.find("layer_norm_epsilon");
    if (value == config_.end()) return {};
    if (!value->is_number()) return Kind("layer_norm_epsilon", "a number", *value);
    spec_.layer_norm_epsilon = value->get<double>();
    return {};
  }

  // feed_forward_proj gives both; dense_act_fn and is_gated_act, where a config has them, are set afterwards.
  Status ReadFeedForward() {
    std::string text = "relu";
    if (const auto value = config_.find("feed_forward_proj"); value != config_.end()) {
      if (!value->is_string()) return Kind("feed_forward_proj", "text", *value);
      text = value->get<std::string>();
    }
    const size_t dash = text.find('-');
    spec_.gated = text.substr(0, dash) == "gated";
    if (dash != std::string::npos && (!spec_.gated || text.find('-', dash + 1) != std::string::npos)) {
      return Error{ErrorCode::kMismatch,
                   fmt::format("{}: feed_forward_proj must be ACTIVATION or gated-ACTIVATION, found {}", file_,
                               Printable(text, 60))};
    }
    std::string activation = text == "gated-gelu" ? "gelu_new" : text.substr(text.rfind('-') + 1);
    if (const auto value = config_.find("dense_act_fn"); value != config_.end()) {
      if (!value->is_string()) return Kind("dense_act_fn", "text", *value);
      activation = value->get<std::string>();
    }
    if (const auto value = config_.find("is_gated_act"); value != config_.end()) {
      if (!value->is_boolean()) return Kind("is_gated_act", "true or false", *value);
      spec_.gated = value->get<bool>();
    }
    const auto known = ActivationOf(activation);
    if (!known) {
      return Error{ErrorCode::kUnsupported, fmt::format("{}: the activation {} is not one that this suite runs: relu, "
                                                        "gelu, gelu_new, gelu_pytorch_tanh, silu, swish",
                                                        file_, Printable(activation, 60))};
    }
    spec_.activation = *known;
    return {};
  }

  // ACT2FN.
  static std::optional<T5Spec::Activation> ActivationOf(std::string_view name) {
    using Activation = T5Spec::Activation;
    if (name == "relu") return Activation::kRelu;
    if (name == "gelu" || name == "gelu_python") return Activation::kGelu;
    if (name == "gelu_new" || name == "gelu_pytorch_tanh") return Activation::kGeluTanh;
    if (name == "silu" || name == "swish") return Activation::kSilu;
    return std::nullopt;
  }

  const Json& config_;
  const std::string& file_;
  T5Spec spec_;
};

void AppendBlocks(const T5Spec& spec, const std::string& prefix, const std::string& file,
                  std::vector<TensorSpec>& list) {
  const auto add = [&](const std::string& name, std::vector<int64_t> shape, const char* keys) {
    list.push_back({.name = prefix + "encoder." + name,
                    .shape = std::move(shape),
                    .group = "t5",
                    .origin = fmt::format("{} of {}", keys, file)});
  };
  const int64_t inner = spec.num_heads * spec.d_kv;
  for (int64_t i = 0; i < spec.num_layers; ++i) {
    const std::string layer = fmt::format("block.{}.layer.", i), attention = layer + "0.SelfAttention.";
    for (const char* name : {"q", "k", "v"}) {
      add(attention + name + ".weight", {inner, spec.d_model}, "num_heads, d_kv, d_model");
    }
    add(attention + "o.weight", {spec.d_model, inner}, "num_heads, d_kv, d_model");
    if (i == 0) {
      add(attention + "relative_attention_bias.weight", {spec.relative_attention_num_buckets, spec.num_heads},
          "relative_attention_num_buckets, num_heads");
    }
    add(layer + "0.layer_norm.weight", {spec.d_model}, "d_model");
    const std::string dense = layer + "1.DenseReluDense.";
    for (const char* name : spec.gated ? std::vector{"wi_0", "wi_1"} : std::vector{"wi"}) {
      add(dense + name + ".weight", {spec.d_ff, spec.d_model}, "d_ff, d_model, feed_forward_proj");
    }
    add(dense + "wo.weight", {spec.d_model, spec.d_ff}, "d_ff, d_model");
    add(layer + "1.layer_norm.weight", {spec.d_model}, "d_model");
  }
  add("final_layer_norm.weight", {spec.d_model}, "d_model");
}

TensorSpec Embedding(const T5Spec& spec, std::string name, const std::string& file) {
  return {.name = std::move(name),
          .shape = {spec.vocab_size, spec.d_model},
          .group = "t5",
          .origin = "vocab_size, d_model of " + file};
}

}  // namespace

Result<T5Spec> ReadT5Spec(std::string_view json, const std::string& file) {
  HARNESS_ASSIGN_OR_RETURN(const JsonDocument document, ParseJson(json, file));
  return SpecReader(document.root, file).Run();
}

std::vector<TensorSpec> ListT5CheckpointTensors(const T5Spec& spec) {
  std::vector<TensorSpec> list = {Embedding(spec, "encoder.embed_tokens.weight", "config.json")};
  AppendBlocks(spec, "", "config.json", list);
  for (TensorSpec& tensor : list) tensor.aliases.push_back("transformer." + tensor.name);
  list.front().aliases.insert(list.front().aliases.end(), {"shared.weight", "transformer.shared.weight"});
  return list;
}

std::vector<TensorSpec> ListT5StateTensors(const T5Spec& spec, const std::string& prefix) {
  const std::string file = "the T5's config.json";
  std::vector<TensorSpec> list = {Embedding(spec, prefix + "shared.weight", file),
                                  Embedding(spec, prefix + "encoder.embed_tokens.weight", file)};
  AppendBlocks(spec, prefix, file, list);
  return list;
}

T5Spec InferT5Spec(const std::vector<FoundTensor>& found, const std::string& prefix, int64_t width) {
  T5Spec spec{.d_model = width, .num_layers = 1};
  std::map<std::string_view, const std::vector<int64_t>*> shapes;
  for (const FoundTensor& tensor : found) {
    if (tensor.name.starts_with(prefix)) shapes[std::string_view(tensor.name).substr(prefix.size())] = &tensor.shape;
  }
  const auto size = [&](std::string_view name, size_t dimension, int64_t otherwise) {
    const auto shape = shapes.find(name);
    const bool told = shape != shapes.end() && shape->second->size() == 2 && (*shape->second)[dimension] > 0;
    return told ? std::min((*shape->second)[dimension], int64_t{INT32_MAX}) : otherwise;
  };
  const std::string first = "encoder.block.0.layer.", bias = first + "0.SelfAttention.relative_attention_bias.weight";
  spec.vocab_size = size("encoder.embed_tokens.weight", 0, size("shared.weight", 0, spec.vocab_size));
  spec.num_heads = size(bias, 1, spec.num_heads);
  spec.relative_attention_num_buckets = size(bias, 0, spec.relative_attention_num_buckets);
  const int64_t inner = size(first + "0.SelfAttention.q.weight", 0, spec.num_heads * spec.d_kv);
  spec.d_kv = std::max<int64_t>(1, inner / spec.num_heads);
  spec.gated = shapes.contains(first + "1.DenseReluDense.wi_0.weight");
  spec.d_ff = size(first + (spec.gated ? "1.DenseReluDense.wi_0.weight" : "1.DenseReluDense.wi.weight"), 0, spec.d_ff);
  const auto has_block = [&](int64_t i) {
    const std::string block = fmt::format("encoder.block.{}.", i);
    const auto at = shapes.lower_bound(block);
    return at != shapes.end() && at->first.starts_with(block);
  };
  while (spec.num_layers < kMaxLayers && has_block(spec.num_layers)) ++spec.num_layers;
  return spec;
}

}  // namespace harness::architecture
