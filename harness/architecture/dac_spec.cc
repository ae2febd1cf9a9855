#include "harness/architecture/dac_spec.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/config/option_reader.h"

namespace harness::architecture {
namespace {

DacLayer Snake(std::string name, int64_t channels) {
  return {.kind = DacLayer::Kind::kSnake, .name = std::move(name), .channels = channels};
}

DacLayer Conv(DacConv conv) { return {.kind = DacLayer::Kind::kConv, .conv = std::move(conv)}; }

DacLayer Residual(const std::string& name, int64_t channels, int64_t dilation) {
  DacLayer layer{.kind = DacLayer::Kind::kResidual};
  layer.block.push_back(Snake(name + ".block.0", channels));
  layer.block.push_back(Conv({.name = name + ".block.1",
                              .in = channels,
                              .out = channels,
                              .kernel = 7,
                              .dilation = dilation,
                              .padding = 3 * dilation}));
  layer.block.push_back(Snake(name + ".block.2", channels));
  layer.block.push_back(Conv({.name = name + ".block.3", .in = channels, .out = channels}));
  return layer;
}

std::vector<DacLayer> EncoderLayers(int64_t width, const std::vector<int64_t>& strides, int64_t latent) {
  std::vector<DacLayer> layers = {Conv({.name = "encoder.block.0", .in = 1, .out = width, .kernel = 7, .padding = 3})};
  size_t i = 1;
  for (const int64_t stride : strides) {
    const std::string name = fmt::format("encoder.block.{}.block.", i++);
    for (int64_t j = 0, dilation = 1; j < 3; ++j, dilation *= 3) {
      layers.push_back(Residual(fmt::format("{}{}", name, j), width, dilation));
    }
    layers.push_back(Snake(name + "3", width));
    layers.push_back(Conv({.name = name + "4",
                           .in = width,
                           .out = 2 * width,
                           .kernel = 2 * stride,
                           .stride = stride,
                           .padding = (stride + 1) / 2}));
    width *= 2;
  }
  layers.push_back(Snake(fmt::format("encoder.block.{}", i), width));
  layers.push_back(
      Conv({.name = fmt::format("encoder.block.{}", i + 1), .in = width, .out = latent, .kernel = 3, .padding = 1}));
  return layers;
}

std::vector<DacLayer> DecoderLayers(int64_t latent, int64_t channels, const std::vector<int64_t>& strides) {
  std::vector<DacLayer> layers = {
      Conv({.name = "decoder.model.0", .in = latent, .out = channels, .kernel = 7, .padding = 3})};
  size_t i = 1;
  int64_t width = channels;
  for (const int64_t stride : strides) {
    const std::string name = fmt::format("decoder.model.{}.block.", i);
    width = channels >> (i - 1);
    const int64_t next = channels >> i;
    ++i;
    layers.push_back(Snake(name + "0", width));
    layers.push_back(Conv({.name = name + "1",
                           .in = width,
                           .out = next,
                           .kernel = 2 * stride,
                           .stride = stride,
                           .padding = (stride + 1) / 2,
                           .transposed = true}));
    for (int64_t j = 0, dilation = 1; j < 3; ++j, dilation *= 3) {
      layers.push_back(Residual(fmt::format("{}{}", name, j + 2), next, dilation));
    }
    width = next;
  }
  layers.push_back(Snake(fmt::format("decoder.model.{}", i), width));
  layers.push_back(
      Conv({.name = fmt::format("decoder.model.{}", i + 1), .in = width, .out = 1, .kernel = 7, .padding = 3}));
  return layers;
}

std::vector<int64_t> ReadStrides(config::OptionReader& options, const char* key, std::vector<int64_t> fallback) {
  std::vector<int64_t> strides = options.IntList(key, std::move(fallback));
  const auto bad = [](int64_t stride) { return stride < 1 || stride > 512; };
  if (strides.empty() || strides.size() > 8 || std::any_of(strides.begin(), strides.end(), bad)) {
    options.Wrong(key, "must be 1 to 8 strides of 1 to 512");
    strides = {1};
  }
  return strides;
}

int64_t Product(const std::vector<int64_t>& strides) {
  int64_t product = 1;
  for (const int64_t stride : strides) product = std::min<int64_t>(product * stride, int64_t{1} << 40);
  return product;
}

// How much shorter than frames * hop the decoded audio is: each odd stride loses one sample of its own rate.
int64_t MissingSamples(const std::vector<int64_t>& strides) {
  int64_t missing = 0;
  for (const int64_t stride : strides) missing = missing * stride + stride % 2;
  return missing;
}

void AppendConv(const DacConv& conv, const std::string& group, std::vector<TensorSpec>& list) {
  const int64_t first = conv.transposed ? conv.in : conv.out, second = conv.transposed ? conv.out : conv.in;
  const auto add = [&](const char* leaf, std::vector<int64_t> shape) {
    list.push_back({.name = fmt::format("{}.{}", conv.name, leaf),
                    .shape = std::move(shape),
                    .group = group,
                    .origin = "metadata.kwargs"});
  };
  add("bias", {conv.out});
  add("weight_g", {first, 1, 1});
  add("weight_v", {first, second, conv.kernel});
}

void AppendLayers(const std::vector<DacLayer>& layers, const std::string& group, std::vector<TensorSpec>& list) {
  for (const DacLayer& layer : layers) {
    switch (layer.kind) {
      case DacLayer::Kind::kConv: AppendConv(layer.conv, group, list); break;
      case DacLayer::Kind::kResidual: AppendLayers(layer.block, group, list); break;
      case DacLayer::Kind::kSnake:
        list.push_back({.name = layer.name + ".alpha",
                        .shape = {1, layer.channels, 1},
                        .group = group,
                        .origin = "metadata.kwargs"});
        break;
    }
  }
}

}  // namespace

std::string DacSpec::Codebook(size_t k) const { return fmt::format("quantizer.quantizers.{}", k); }

Result<Dac> DescribeDac(const config::ConfigValue::Map& kwargs, const std::string& source) {
  config::OptionProblems problems;
  config::OptionReader options(kwargs, "metadata.kwargs", "DAC", problems);
  Dac dac;
  DacSpec& spec = dac.spec;
  spec.sample_rate_hz = options.Int("sample_rate", 44100);
  spec.num_codebooks = options.Int("n_codebooks", 9, 1, 4096);
  spec.cardinality = options.Int("codebook_size", 1024);
  const int64_t encoder_dim = options.Int("encoder_dim", 64, 1, 1 << 14);
  const int64_t decoder_dim = options.Int("decoder_dim", 1536, 1, 1 << 16);
  const std::vector<int64_t> encoder_strides = ReadStrides(options, "encoder_rates", {2, 4, 8, 8});
  const std::vector<int64_t> decoder_strides = ReadStrides(options, "decoder_rates", {8, 8, 4, 2});
  spec.latent = encoder_dim << encoder_strides.size();
  if (const auto latent = options.NullableInt("latent_dim")) spec.latent = *latent;
  if (spec.latent < 1 || spec.latent > 1 << 20) options.Wrong("latent_dim", "must be positive, and no wider than 2^20");
  if (decoder_dim >> decoder_strides.size() == 0) {
    options.Wrong("decoder_dim", "is halved by each of decoder_rates, and nothing is left");
  }
  const config::ConfigValue* dims = options.Raw("codebook_dim");
  if (dims != nullptr && std::holds_alternative<config::ConfigValue::List>(dims->data)) {
    spec.codebook_dims = options.IntList("codebook_dim", std::nullopt);
  } else {
    spec.codebook_dims.assign(static_cast<size_t>(spec.num_codebooks), options.Int("codebook_dim", 8, 1, 1 << 14));
  }
  const auto bad = [](int64_t dim) { return dim < 1 || dim > 1 << 14; };
  if (spec.codebook_dims.size() < static_cast<size_t>(spec.num_codebooks) ||
      std::any_of(spec.codebook_dims.begin(), spec.codebook_dims.end(), bad)) {
    options.Wrong("codebook_dim", "must be one positive width for each codebook");
  }
  HARNESS_RETURN_IF_ERROR(problems.ToStatus(source));
  spec.encoder = EncoderLayers(encoder_dim, encoder_strides, spec.latent);
  spec.decoder = DecoderLayers(spec.latent, decoder_dim, decoder_strides);
  const int64_t hop = Product(encoder_strides);
  dac.facts = {.sample_rate_hz = spec.sample_rate_hz,
               .frame_rate_hz = static_cast<double>(spec.sample_rate_hz) / static_cast<double>(hop),
               .hop_length = Product(decoder_strides),
               .channels = 1,
               .codebooks = spec.num_codebooks,
               .total_codebooks = spec.num_codebooks,
               .cardinality = spec.cardinality,
               .missing_samples = MissingSamples(decoder_strides)};
  return dac;
}

std::vector<TensorSpec> ListDacTensors(const DacSpec& spec) {
  std::vector<TensorSpec> list;
  AppendLayers(spec.encoder, "encoder", list);
  AppendLayers(spec.decoder, "decoder", list);
  for (size_t k = 0; k < static_cast<size_t>(spec.num_codebooks); ++k) {
    const int64_t dim = spec.codebook_dims[k];
    AppendConv({.name = spec.Codebook(k) + ".in_proj", .in = spec.latent, .out = dim}, "quantizer", list);
    AppendConv({.name = spec.Codebook(k) + ".out_proj", .in = dim, .out = spec.latent}, "quantizer", list);
    list.push_back({.name = spec.Codebook(k) + ".codebook.weight",
                    .shape = {spec.cardinality, dim},
                    .group = "quantizer",
                    .origin = "metadata.kwargs"});
  }
  return list;
}

}  // namespace harness::architecture
