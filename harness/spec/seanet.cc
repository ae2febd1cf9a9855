#include "harness/spec/seanet.h"

#include <fmt/format.h>

#include <algorithm>

namespace harness {
namespace {

// What both sides take.
struct Arguments {
  int64_t channels, dimension, n_filters, n_residual_layers, kernel_size, last_kernel_size, residual_kernel_size;
  int64_t dilation_base, compress, lstm, disable_norm_outer_blocks;
  std::vector<int64_t> ratios;
  ActivationSpec activation;
  bool true_skip;
  ConvNorm norm;
};

ActivationSpec ReadActivation(OptionReader& options, std::string_view name_key, std::string_view params_key,
                              const std::string& name, OptionProblems& problems) {
  ActivationSpec activation{.name = name, .parameter = 1.0};
  std::string parameter_key;
  if (name == "ELU") parameter_key = "alpha";
  if (name == "LeakyReLU") {
    parameter_key = "negative_slope";
    activation.parameter = 0.01;
  }
  static const std::vector<std::string> kKnown = {"ELU",  "LeakyReLU", "ReLU",    "GELU",
                                                  "SiLU", "Tanh",      "Sigmoid", "Identity"};
  if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
    options.Unsupported(name_key, fmt::format("is {}: of torch.nn this suite knows {}", name, fmt::join(kKnown, ", ")));
  }
  const ConfigValue* params = options.Raw(params_key);
  if (params == nullptr) {
    // The signature's default, {'alpha': 1.0}, whatever the activation is: only ELU takes it.
    if (params_key == "activation_params" && name != "ELU") {
      options.Wrong(params_key, fmt::format("is missing: its default, alpha, is no parameter of {}", name));
    }
    return activation;
  }
  if (params->is_null()) return activation;
  const auto* map = std::get_if<ConfigValue::Map>(&params->data);
  if (map == nullptr) {
    options.Wrong(params_key, "must be a mapping, found " + params->Describe());
    return activation;
  }
  OptionReader reader(*map, options.Path(params_key), "torch.nn." + name, problems);
  if (!parameter_key.empty()) activation.parameter = reader.Float(parameter_key, activation.parameter);
  reader.Ignore({"inplace"});
  reader.Finish();
  return activation;
}

ConvNorm ReadNorm(OptionReader& options, bool causal) {
  const std::string norm = options.Choice("norm", "none", {"none", "weight_norm", "spectral_norm", "time_group_norm"});
  const ConfigValue* params = options.Raw("norm_params");
  const auto* map = params != nullptr ? std::get_if<ConfigValue::Map>(&params->data) : nullptr;
  if (params != nullptr && (map == nullptr || !map->empty())) {
    options.Unsupported("norm_params", "is not empty, which this suite does not read");
  }
  if (norm == "spectral_norm") options.Unsupported("norm", "is spectral_norm, which this suite does not read");
  if (norm == "time_group_norm" && causal) {
    options.Wrong("norm",
                  "time_group_norm does not go with causal (ValueError: GroupNorm doesn't support causal evaluation)");
  }
  if (norm == "weight_norm") return ConvNorm::kWeightNorm;
  return norm == "time_group_norm" ? ConvNorm::kTimeGroupNorm : ConvNorm::kNone;
}

Arguments ReadArguments(OptionReader& options, SeanetSpec& spec, OptionProblems& problems) {
  Arguments a;
  a.channels = options.Int("channels", 1, 1, 64);
  a.dimension = options.Int("dimension", 128, 1, 1 << 16);
  a.n_filters = options.Int("n_filters", 32, 1, 1 << 14);
  a.n_residual_layers = options.Int("n_residual_layers", 3, 0, 64);
  a.ratios = options.IntList("ratios", std::vector<int64_t>{8, 5, 4, 2});
  if (a.ratios.empty() || a.ratios.size() > 10 ||
      std::any_of(a.ratios.begin(), a.ratios.end(), [](int64_t ratio) { return ratio < 1 || ratio > 64; })) {
    options.Wrong("ratios", "must be 1 to 10 integers of 1 to 64");
    a.ratios = {1};
  }
  spec.causal = options.Bool("causal", false);
  a.activation =
      ReadActivation(options, "activation", "activation_params", options.String("activation", "ELU"), problems);
  a.norm = ReadNorm(options, spec.causal);
  a.kernel_size = options.Int("kernel_size", 7, 1, 4096);
  a.last_kernel_size = options.Int("last_kernel_size", 7, 1, 4096);
  a.residual_kernel_size = options.Int("residual_kernel_size", 3, 1, 4096);
  a.dilation_base = options.Int("dilation_base", 2, 1, 64);
  a.true_skip = options.Bool("true_skip", true);
  a.compress = options.Int("compress", 2, 1, a.n_filters);
  a.lstm = options.Int("lstm", 0, 0, 64);
  a.disable_norm_outer_blocks =
      options.Int("disable_norm_outer_blocks", 0, 0, static_cast<int64_t>(a.ratios.size()) + 2);
  spec.pad_mode = options.Choice("pad_mode", "reflect", {"constant", "reflect", "replicate", "circular"});
  spec.activation = a.activation;
  spec.channels = a.channels;
  spec.dimension = a.dimension;
  spec.ratios = a.ratios;
  int64_t dilation = 1;
  for (int64_t j = 0; j < a.n_residual_layers && dilation <= (1 << 20); ++j) dilation *= a.dilation_base;
  if (dilation > (1 << 20)) options.Wrong("dilation_base", "to the power of n_residual_layers is beyond any audio");
  return a;
}

class LayerList {
 public:
  LayerList(const Arguments& a, std::string prefix) : a_(a), prefix_(std::move(prefix)) {}

  void Conv(int64_t in, int64_t out, int64_t kernel, int64_t stride, ConvNorm norm, bool transposed = false) {
    SeanetLayer& layer = Add(SeanetLayer::Kind::kConv);
    layer.conv = MakeConv(layer.name + (transposed ? ".convtr" : ".conv"), in, out, kernel, norm);
    layer.conv.stride = stride;
    layer.conv.transposed = transposed;
  }
  void Activation(const ActivationSpec& activation) { Add(SeanetLayer::Kind::kActivation).activation = activation; }
  void Lstm(int64_t width) {
    if (a_.lstm == 0) return;
    SeanetLayer& layer = Add(SeanetLayer::Kind::kLstm);
    layer.lstm_layers = a_.lstm;
    layer.width = width;
  }
  void Residuals(int64_t width, ConvNorm norm) {
    int64_t dilation = 1;
    for (int64_t j = 0; j < a_.n_residual_layers; ++j, dilation *= a_.dilation_base) {
      SeanetLayer& layer = Add(SeanetLayer::Kind::kResidual);
      const int64_t hidden = width / a_.compress;
      layer.block.push_back(MakeConv(layer.name + ".block.1.conv", width, hidden, a_.residual_kernel_size, norm));
      layer.block.back().dilation = dilation;
      layer.block.push_back(MakeConv(layer.name + ".block.3.conv", hidden, width, 1, norm));
      if (!a_.true_skip) layer.shortcut.push_back(MakeConv(layer.name + ".shortcut.conv", width, width, 1, norm));
    }
  }
  std::vector<SeanetLayer> Take() && { return std::move(layers_); }

 private:
  SeanetLayer& Add(SeanetLayer::Kind kind) {
    std::string name = fmt::format("{}.model.{}", prefix_, layers_.size());
    SeanetLayer& layer = layers_.emplace_back();
    layer.kind = kind;
    layer.name = std::move(name);
    return layer;
  }
  static ConvSpec MakeConv(std::string name, int64_t in, int64_t out, int64_t kernel, ConvNorm norm) {
    ConvSpec conv;
    conv.name = std::move(name);
    conv.in_channels = in;
    conv.out_channels = out;
    conv.kernel_size = kernel;
    conv.norm = norm;
    return conv;
  }

  const Arguments& a_;
  std::string prefix_;
  std::vector<SeanetLayer> layers_;
};

std::vector<SeanetLayer> EncoderLayers(const Arguments& a) {
  const auto blocks = static_cast<int64_t>(a.ratios.size()) + 2;
  // "For the encoder, it corresponds to the N first blocks."
  const auto norm = [&](int64_t block) { return a.disable_norm_outer_blocks >= block ? ConvNorm::kNone : a.norm; };
  LayerList list(a, "encoder");
  list.Conv(a.channels, a.n_filters, a.kernel_size, 1, norm(1));
  int64_t width = a.n_filters;
  for (size_t i = 0; i < a.ratios.size(); ++i) {
    const int64_t ratio = a.ratios[a.ratios.size() - 1 - i];  // the encoder goes through them in reverse
    const ConvNorm block_norm = norm(static_cast<int64_t>(i) + 2);
    list.Residuals(width, block_norm);
    list.Activation(a.activation);
    list.Conv(width, width * 2, ratio * 2, ratio, block_norm);
    width *= 2;
  }
  list.Lstm(width);
  list.Activation(a.activation);
  list.Conv(width, a.dimension, a.last_kernel_size, 1, norm(blocks));
  return std::move(list).Take();
}

std::vector<SeanetLayer> DecoderLayers(const Arguments& a, const std::optional<ActivationSpec>& final_activation) {
  const auto blocks = static_cast<int64_t>(a.ratios.size()) + 2;
  const auto norm = [&](int64_t block) { return a.disable_norm_outer_blocks >= block ? ConvNorm::kNone : a.norm; };
  LayerList list(a, "decoder");
  int64_t width = a.n_filters << a.ratios.size();
  list.Conv(a.dimension, width, a.kernel_size, 1, norm(blocks));
  list.Lstm(width);
  for (size_t i = 0; i < a.ratios.size(); ++i) {
    const ConvNorm block_norm = norm(blocks - static_cast<int64_t>(i) - 1);
    list.Activation(a.activation);
    list.Conv(width, width / 2, a.ratios[i] * 2, a.ratios[i], block_norm, /*transposed=*/true);
    list.Residuals(width / 2, block_norm);
    width /= 2;
  }
  list.Activation(a.activation);
  list.Conv(a.n_filters, a.channels, a.last_kernel_size, 1, norm(1));
  if (final_activation) list.Activation(*final_activation);
  return std::move(list).Take();
}

void AppendConv(const ConvSpec& conv, const std::string& group, const std::string& origin,
                std::vector<TensorSpec>& list) {
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    list.push_back({.name = name, .shape = std::move(shape), .group = group, .origin = origin});
  };
  const std::string inner = conv.inner();
  const int64_t first = conv.transposed ? conv.in_channels : conv.out_channels;
  const int64_t second = conv.transposed ? conv.out_channels : conv.in_channels;
  add(inner + ".bias", {conv.out_channels});
  if (conv.norm == ConvNorm::kWeightNorm) {
    add(inner + ".weight_g", {first, 1, 1});
    add(inner + ".weight_v", {first, second, conv.kernel_size});
  } else {
    add(inner + ".weight", {first, second, conv.kernel_size});
  }
  if (conv.norm == ConvNorm::kTimeGroupNorm) {
    add(conv.name + ".norm.weight", {conv.out_channels});
    add(conv.name + ".norm.bias", {conv.out_channels});
  }
}

}  // namespace

int64_t SeanetSpec::hop_length() const {
  int64_t product = 1;
  for (const int64_t ratio : ratios) product *= ratio;
  return product;
}

SeanetSpec DescribeSeanet(const ConfigValue::Map& arguments, SeanetSide side, OptionProblems& problems) {
  SeanetSpec spec;
  const bool encoder = side == SeanetSide::kEncoder;
  OptionReader options(arguments, "seanet", encoder ? "SEANetEncoder" : "SEANetDecoder", problems);
  const Arguments a = ReadArguments(options, spec, problems);
  std::optional<ActivationSpec> final_activation;
  if (!encoder) {
    spec.trim_right_ratio = options.Float("trim_right_ratio", 1.0);
    if (!(spec.trim_right_ratio >= 0 && spec.trim_right_ratio <= 1)) {
      options.Wrong("decoder.trim_right_ratio", fmt::format("must be from 0 to 1, found {}", spec.trim_right_ratio));
    } else if (!spec.causal && spec.trim_right_ratio != 1) {
      options.Wrong("decoder.trim_right_ratio", "must be 1 where causal is false (assertion)");
    }
    if (const auto name = options.NullableString("final_activation")) {
      final_activation = ReadActivation(options, "final_activation", "final_activation_params", *name, problems);
    }
    options.Ignore({"final_activation_params"});
  }
  options.Finish();
  if (problems.wrong.empty()) spec.layers = encoder ? EncoderLayers(a) : DecoderLayers(a, final_activation);
  return spec;
}

void AppendSeanetTensors(const SeanetSpec& spec, const std::string& group, std::vector<TensorSpec>& list) {
  const std::string origin = "seanet.ratios, n_filters, dimension, kernel sizes, norm";
  for (const SeanetLayer& layer : spec.layers) {
    if (layer.kind == SeanetLayer::Kind::kConv) AppendConv(layer.conv, group, origin, list);
    for (const ConvSpec& conv : layer.block) AppendConv(conv, group, origin + ", compress, dilation", list);
    for (const ConvSpec& conv : layer.shortcut) AppendConv(conv, group, "seanet.true_skip", list);
    for (int64_t l = 0; l < layer.lstm_layers; ++l) {
      const std::string lstm = "seanet.lstm, n_filters * 2^len(ratios)";
      for (const char* side : {"ih", "hh"}) {
        list.push_back({.name = fmt::format("{}.lstm.weight_{}_l{}", layer.name, side, l),
                        .shape = {4 * layer.width, layer.width},
                        .group = group,
                        .origin = lstm});
      }
      for (const char* side : {"ih", "hh"}) {
        list.push_back({.name = fmt::format("{}.lstm.bias_{}_l{}", layer.name, side, l),
                        .shape = {4 * layer.width},
                        .group = group,
                        .origin = lstm});
      }
    }
  }
}

}  // namespace harness
