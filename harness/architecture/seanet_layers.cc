#include <fmt/format.h>

#include <algorithm>

#include "harness/architecture/seanet.h"

namespace harness::architecture {
namespace {

class LayerList {
 public:
  LayerList(const SeanetArguments& a, std::string prefix, SeanetNaming naming)
      : a_(a), prefix_(std::move(prefix)), naming_(naming) {}

  void Conv(int64_t in, int64_t out, int64_t kernel, int64_t stride, ConvNorm norm, bool transposed = false) {
    SeanetLayer& layer = Add(SeanetLayer::Kind::kConv);
    layer.conv = MakeConv(layer.name, in, out, kernel, norm, transposed);
    layer.conv.stride = stride;
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
      layer.block.push_back(MakeConv(layer.name + ".block.1", width, hidden, a_.residual_kernel_size, norm));
      layer.block.back().dilation = dilation;
      layer.block.push_back(MakeConv(layer.name + ".block.3", hidden, width, 1, norm));
      if (!a_.true_skip) layer.shortcut.push_back(MakeConv(layer.name + ".shortcut", width, width, 1, norm));
    }
  }
  std::vector<SeanetLayer> Take() && { return std::move(layers_); }

 private:
  SeanetLayer& Add(SeanetLayer::Kind kind) {
    std::string name =
        fmt::format("{}.{}.{}", prefix_, naming_ == SeanetNaming::kAudiocraft ? "model" : "layers", layers_.size());
    SeanetLayer& layer = layers_.emplace_back();
    layer.kind = kind;
    layer.name = std::move(name);
    return layer;
  }
  ConvSpec MakeConv(const std::string& module, int64_t in, int64_t out, int64_t kernel, ConvNorm norm,
                    bool transposed = false) const {
    ConvSpec conv;
    const std::string leaf = transposed && naming_ == SeanetNaming::kAudiocraft ? ".convtr" : ".conv";
    conv.name = naming_ == SeanetNaming::kAudiocraft ? module + leaf : module;
    conv.inner = conv.name + leaf;
    conv.transposed = transposed;
    conv.in_channels = in;
    conv.out_channels = out;
    conv.kernel_size = kernel;
    conv.norm = norm;
    conv.norm_eps = a_.norm_eps;
    conv.norm_affine = a_.norm_affine;
    return conv;
  }

  const SeanetArguments& a_;
  std::string prefix_;
  SeanetNaming naming_;
  std::vector<SeanetLayer> layers_;
};

std::vector<SeanetLayer> EncoderLayers(const SeanetArguments& a, SeanetNaming naming) {
  const auto blocks = static_cast<int64_t>(a.ratios.size()) + 2;
  // "For the encoder, it corresponds to the N first blocks."
  const auto norm = [&](int64_t block) { return a.disable_norm_outer_blocks >= block ? ConvNorm::kNone : a.norm; };
  LayerList list(a, "encoder", naming);
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

std::vector<SeanetLayer> DecoderLayers(const SeanetArguments& a, SeanetNaming naming) {
  const auto blocks = static_cast<int64_t>(a.ratios.size()) + 2;
  const auto norm = [&](int64_t block) { return a.disable_norm_outer_blocks >= block ? ConvNorm::kNone : a.norm; };
  LayerList list(a, "decoder", naming);
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
  if (a.final_activation) list.Activation(*a.final_activation);
  return std::move(list).Take();
}

// Transformers writes either spelling of weight norm, and reads both; audiocraft has only the older one.
std::vector<std::string> Newer(const ConvSpec& conv, const char* leaf) {
  if (conv.inner.find(".layers.") == std::string::npos) return {};
  return {fmt::format("{}.parametrizations.weight.{}", conv.inner, leaf)};
}

void AppendConv(const ConvSpec& conv, const std::string& group, const std::string& origin,
                std::vector<TensorSpec>& list) {
  const auto add = [&](const std::string& name, std::vector<int64_t> shape, std::vector<std::string> aliases = {}) {
    list.push_back(
        {.name = name, .shape = std::move(shape), .group = group, .origin = origin, .aliases = std::move(aliases)});
  };
  const std::string& inner = conv.inner;
  const int64_t first = conv.transposed ? conv.in_channels : conv.out_channels;
  const int64_t second = conv.transposed ? conv.out_channels : conv.in_channels;
  add(inner + ".bias", {conv.out_channels});
  if (conv.norm == ConvNorm::kWeightNorm) {
    add(inner + ".weight_g", {first, 1, 1}, Newer(conv, "original0"));
    add(inner + ".weight_v", {first, second, conv.kernel_size}, Newer(conv, "original1"));
  } else if (conv.norm == ConvNorm::kSpectralNorm) {
    // The vectors belong to the weight as a matrix with a row for each output channel.
    add(inner + ".weight_orig", {first, second, conv.kernel_size});
    add(inner + ".weight_u", {conv.out_channels});
    add(inner + ".weight_v", {conv.in_channels * conv.kernel_size});
  } else {
    add(inner + ".weight", {first, second, conv.kernel_size});
  }
  if (conv.norm == ConvNorm::kTimeGroupNorm && conv.norm_affine) {
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

double SeanetSpec::multiplications_per_frame() const {
  const auto of = [](const ConvSpec& conv) {
    return static_cast<double>(conv.in_channels * conv.out_channels * conv.kernel_size);
  };
  const bool decodes =
      std::any_of(layers.begin(), layers.end(), [](const auto& layer) { return layer.conv.transposed; });
  double sum = 0, rate = decodes ? 1 : static_cast<double>(hop_length());  // outputs of a layer in a frame
  for (const SeanetLayer& layer : layers) {
    if (layer.kind == SeanetLayer::Kind::kConv && layer.conv.transposed) {
      sum += rate * of(layer.conv);  // each input meets the whole kernel
      rate *= static_cast<double>(layer.conv.stride);
    } else if (layer.kind == SeanetLayer::Kind::kConv) {
      rate /= static_cast<double>(layer.conv.stride);
      sum += rate * of(layer.conv);
    } else if (layer.kind == SeanetLayer::Kind::kLstm) {
      sum +=
          rate * static_cast<double>(layer.lstm_layers * 8 * layer.width * layer.width);  // four gates, of two inputs
    } else if (layer.kind == SeanetLayer::Kind::kResidual) {
      for (const auto* convs : {&layer.block, &layer.shortcut})
        for (const ConvSpec& conv : *convs) sum += rate * of(conv);
    }
  }
  return sum;
}

SeanetSpec BuildSeanet(const SeanetArguments& a, SeanetSide side, SeanetNaming naming) {
  SeanetSpec spec;
  spec.layers = side == SeanetSide::kEncoder ? EncoderLayers(a, naming) : DecoderLayers(a, naming);
  spec.activation = a.activation;
  spec.causal = a.causal;
  spec.pad_mode = a.pad_mode;
  spec.trim_right_ratio = a.trim_right_ratio;
  spec.channels = a.channels;
  spec.dimension = a.dimension;
  spec.ratios = a.ratios;
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

}  // namespace harness::architecture
