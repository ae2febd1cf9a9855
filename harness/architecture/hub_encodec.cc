#include "harness/architecture/hub_encodec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "harness/architecture/seanet.h"
#include "harness/config/option_reader.h"

namespace harness::architecture {
namespace {

// a // b of two Python floats.
double FloorDivide(double a, double b) {
  const double quotient = (a - std::fmod(a, b)) / b;
  const double floor = std::floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

std::vector<double> ReadBandwidths(config::OptionReader& options) {
  const config::ConfigValue* value = options.Raw("target_bandwidths");
  if (value == nullptr) return {1.5, 3.0, 6.0, 12.0, 24.0};
  std::vector<double> bandwidths;
  const auto* list = std::get_if<config::ConfigValue::List>(&value->data);
  for (const config::ConfigValue& item : list != nullptr ? *list : config::ConfigValue::List{}) {
    const auto* real = std::get_if<double>(&item.data);
    const auto* integer = std::get_if<int64_t>(&item.data);
    if (real == nullptr && integer == nullptr) break;
    bandwidths.push_back(real != nullptr ? *real : static_cast<double>(*integer));
    if (!(bandwidths.back() >= 0 && bandwidths.back() < 1e6)) break;
  }
  if (list == nullptr || bandwidths.size() != list->size() || bandwidths.empty() || !(bandwidths.back() < 1e6)) {
    options.Wrong("target_bandwidths", "must be a list of numbers (kbit/s), found " + value->Describe());
    return {};
  }
  return bandwidths;
}

// What the wrapper's constructor makes of the bandwidths.
void ReadCodebooks(config::OptionReader& options, const std::vector<double>& bandwidths, int64_t hop,
                   HubEncodec& model) {
  const double rate = static_cast<double>(model.spec.sample_rate_hz) / static_cast<double>(hop);
  const double bits = std::log2(static_cast<double>(model.spec.cardinality));
  model.facts.frame_rate_hz = rate;
  std::vector<double> counts;
  bool one_is_whole = false;
  for (const double bandwidth : bandwidths) {
    counts.push_back(bandwidth * 1000 / (rate * bits));
    one_is_whole |= counts.back() == std::trunc(counts.back());
    if (!(counts.back() < 4096)) return options.Wrong("target_bandwidths", "ask for more than 4096 codebooks");
    model.facts.possible_codebooks.push_back(static_cast<int64_t>(counts.back()));
  }
  if (!one_is_whole) {
    return options.Wrong("target_bandwidths",
                         fmt::format("give {:.6g} codebooks: none is a whole number, which HFEncodecCompressionModel "
                                     "asserts against",
                                     fmt::join(counts, ", ")));
  }
  // EncodecConfig.num_quantizers: 10 bits a codebook, whatever codebook_size is.
  const double layers = std::trunc(FloorDivide(1000 * bandwidths.back(), std::ceil(rate) * 10));
  model.spec.num_codebooks = static_cast<int64_t>(std::min(layers, 4096.0));
  model.facts.codebooks = model.facts.total_codebooks =
      *std::max_element(model.facts.possible_codebooks.begin(), model.facts.possible_codebooks.end());
  if (model.facts.codebooks < 1 || model.spec.num_codebooks < 1) {
    options.Wrong("target_bandwidths", "leave no codebook");
  } else if (model.facts.codebooks > model.spec.num_codebooks) {
    options.Wrong("target_bandwidths",
                  fmt::format("allow {} codebooks of {} bits, but the model has {} (it counts 10 bits each): decoding "
                              "raises an IndexError",
                              model.facts.codebooks, bits, model.spec.num_codebooks));
  }
}

SeanetArguments ReadSeanet(config::OptionReader& options, int64_t channels, int64_t width) {
  SeanetArguments a;
  a.channels = channels;
  a.dimension = width;
  a.n_filters = options.Int("num_filters", 32, 1, 1 << 14);
  a.n_residual_layers = options.Int("num_residual_layers", 1, 0, 64);
  a.ratios = ReadRatios(options, "upsampling_ratios");
  a.kernel_size = options.Int("kernel_size", 7, 1, 4096);
  a.last_kernel_size = options.Int("last_kernel_size", 7, 1, 4096);
  a.residual_kernel_size = options.Int("residual_kernel_size", 3, 1, 4096);
  a.dilation_base = options.Int("dilation_growth_rate", 2, 1, 64);
  if (std::pow(a.dilation_base, a.n_residual_layers) > 1 << 20) {
    options.Wrong("dilation_growth_rate", "to the power of num_residual_layers is beyond any audio");
  }
  a.compress = options.Int("compress", 2, 1, a.n_filters);
  a.lstm = options.Int("num_lstm_layers", 2, 1, 64);
  a.causal = options.Bool("use_causal_conv", true);
  a.true_skip = !options.Bool("use_conv_shortcut", true);
  a.pad_mode = options.Choice("pad_mode", "reflect", {"constant", "reflect", "replicate", "circular"});
  a.norm = options.Choice("norm_type", "weight_norm", {"weight_norm", "time_group_norm"}) == "weight_norm"
               ? ConvNorm::kWeightNorm
               : ConvNorm::kTimeGroupNorm;
  a.trim_right_ratio = options.Float("trim_right_ratio", 1.0);
  if (!(a.trim_right_ratio >= 0 && a.trim_right_ratio <= 1)) {
    options.Wrong("trim_right_ratio", fmt::format("must be from 0 to 1, found {}", a.trim_right_ratio));
  } else if (!a.causal && a.trim_right_ratio != 1) {
    options.Wrong("trim_right_ratio", "must be 1 where use_causal_conv is false (ValueError)");
  }
  return a;
}

}  // namespace

Result<HubEncodec> DescribeHubEncodec(const config::ConfigValue::Map& config, const std::string& source) {
  HubEncodec model;
  CodecSpec& spec = model.spec;
  config::OptionProblems problems;
  config::OptionReader options(config, "", "EncodecConfig", problems);
  if (const config::ConfigValue* type = options.Raw("model_type"); type != nullptr) {
    options.Choice("model_type", "encodec", {"encodec"});
  }
  spec.transformers = true;
  spec.sample_rate_hz = options.Int("sampling_rate", 24000);
  spec.channels = options.Int("audio_channels", 1, 1, 64);
  spec.cardinality = options.Int("codebook_size", 1024);
  spec.dimension = options.Int("hidden_size", 128, 1, 1 << 16);
  // Scales and chunks: decode gets one chunk and no scale from MusicGen, for which both do nothing.
  spec.renormalize = options.Bool("normalize", false);
  if ((spec.cardinality & (spec.cardinality - 1)) != 0) {
    options.Wrong("codebook_size", fmt::format("must be a power of 2 (ValueError), found {}", spec.cardinality));
  }
  const auto codebook_dim = options.NullableInt("codebook_dim");
  if (codebook_dim.value_or(spec.dimension) != spec.dimension) {
    options.Wrong("codebook_dim",
                  fmt::format("is {}, hidden_size is {}: the decoder can't take what the quantizer gives",
                              *codebook_dim, spec.dimension));
  }
  const SeanetArguments a = ReadSeanet(options, spec.channels, spec.dimension);
  const std::vector<double> bandwidths = ReadBandwidths(options);
  spec.causal = a.causal;
  int64_t hop = 1;
  for (const int64_t ratio : a.ratios) hop = std::min<int64_t>(hop * ratio, int64_t{1} << 40);
  if (!bandwidths.empty() && problems.wrong.empty()) ReadCodebooks(options, bandwidths, hop, model);
  HARNESS_RETURN_IF_ERROR(problems.ToStatus(source));
  spec.encoder = BuildSeanet(a, SeanetSide::kEncoder, SeanetNaming::kTransformers);
  spec.decoder = BuildSeanet(a, SeanetSide::kDecoder, SeanetNaming::kTransformers);
  model.facts.sample_rate_hz = spec.sample_rate_hz;
  model.facts.hop_length = hop;
  model.facts.channels = spec.channels;
  model.facts.cardinality = spec.cardinality;
  model.facts.encode_gives_scale = spec.renormalize;
  return model;
}

}  // namespace harness::architecture
