#include "harness/architecture/seanet.h"

#include <fmt/format.h>

#include <algorithm>

namespace harness::architecture {
namespace {

// norm and norm_params: NormConv1d(norm=norm, norm_kwargs=norm_params). Only GroupNorm takes arguments.
void ReadNorm(config::OptionReader& options, SeanetArguments& a, config::OptionProblems& problems) {
  const std::string norm = options.Choice("norm", "none", {"none", "weight_norm", "spectral_norm", "time_group_norm"});
  if (norm == "weight_norm") a.norm = ConvNorm::kWeightNorm;
  if (norm == "spectral_norm") a.norm = ConvNorm::kSpectralNorm;
  if (norm == "time_group_norm") a.norm = ConvNorm::kTimeGroupNorm;
  const config::ConfigValue* params = options.Raw("norm_params");
  if (params == nullptr) return;
  const auto* map = config::AsMap(*params);
  if (map == nullptr) return options.Wrong("norm_params", "must be a mapping, found " + params->Describe());
  config::OptionReader reader(*map, options.Path("norm_params"), "torch.nn.GroupNorm", problems);
  for (const char* taken : {"module", "causal", "norm"}) {
    if (reader.Has(taken)) reader.Wrong(taken, "is given twice (TypeError)", "Remove " + reader.Path(taken));
  }
  if (a.norm != ConvNorm::kTimeGroupNorm) return;
  a.norm_eps = reader.Float("eps", 1e-5);
  a.norm_affine = reader.Bool("affine", true);
  for (const char* key : {"device", "dtype"}) {
    if (const config::ConfigValue* value = reader.Raw(key); value != nullptr && !value->is_null()) {
      reader.Unsupported(key, "is set, which this suite does not read");
    }
  }
  reader.Finish();
}

SeanetArguments ReadArguments(config::OptionReader& options, config::OptionProblems& problems) {
  SeanetArguments a;
  a.channels = options.Int("channels", 1, 1, 64);
  a.dimension = options.Int("dimension", 128, 1, 1 << 16);
  a.n_filters = options.Int("n_filters", 32, 1, 1 << 14);
  a.n_residual_layers = options.Int("n_residual_layers", 3, 0, 64);
  a.ratios = ReadRatios(options, "ratios");
  a.causal = options.Bool("causal", false);
  a.activation = ReadActivation(options, "activation", options.String("activation", "ELU"), "activation_params",
                                /*default_alpha=*/true, problems);
  ReadNorm(options, a, problems);
  a.kernel_size = options.Int("kernel_size", 7, 1, 4096);
  a.last_kernel_size = options.Int("last_kernel_size", 7, 1, 4096);
  a.residual_kernel_size = options.Int("residual_kernel_size", 3, 1, 4096);
  a.dilation_base = options.Int("dilation_base", 2, 1, 64);
  a.true_skip = options.Bool("true_skip", true);
  a.compress = options.Int("compress", 2, 1, a.n_filters);
  a.lstm = options.Int("lstm", 0, 0, 64);
  a.disable_norm_outer_blocks =
      options.Int("disable_norm_outer_blocks", 0, 0, static_cast<int64_t>(a.ratios.size()) + 2);
  if (a.norm == ConvNorm::kTimeGroupNorm && a.causal &&
      a.disable_norm_outer_blocks < static_cast<int64_t>(a.ratios.size()) + 2) {
    options.Wrong("norm",
                  "time_group_norm does not go with causal (ValueError: GroupNorm doesn't support causal evaluation)",
                  "Set seanet.norm and seanet.causal to what the codec was trained with: it can't have been both");
  }
  a.pad_mode = options.Choice("pad_mode", "reflect", {"constant", "reflect", "replicate", "circular"});
  int64_t dilation = 1;
  for (int64_t j = 0; j < a.n_residual_layers && dilation <= (1 << 20); ++j) dilation *= a.dilation_base;
  if (dilation > (1 << 20)) options.Wrong("dilation_base", "to the power of n_residual_layers is beyond any audio");
  return a;
}

}  // namespace

std::vector<int64_t> ReadRatios(config::OptionReader& options, std::string_view key) {
  const std::vector<int64_t> ratios = options.IntList(key, std::vector<int64_t>{8, 5, 4, 2});
  if (std::any_of(ratios.begin(), ratios.end(), [](int64_t ratio) { return ratio < 1; })) {
    options.Wrong(key, "must be positive: each is a stride");
    return {1};
  }
  if (ratios.empty() || ratios.size() > 10 ||
      std::any_of(ratios.begin(), ratios.end(), [](int64_t ratio) { return ratio > 512; })) {
    options.Unsupported(key, "are other than 1 to 10 strides of at most 512");
    return {1};
  }
  return ratios;
}

SeanetSpec DescribeSeanet(const config::ConfigValue::Map& arguments, SeanetSide side,
                          config::OptionProblems& problems) {
  const bool encoder = side == SeanetSide::kEncoder;
  config::OptionReader options(arguments, "seanet", encoder ? "SEANetEncoder" : "SEANetDecoder", problems);
  SeanetArguments a = ReadArguments(options, problems);
  if (!encoder) {
    a.trim_right_ratio = options.Float("trim_right_ratio", 1.0);
    if (!(a.trim_right_ratio >= 0 && a.trim_right_ratio <= 1)) {
      options.Wrong("decoder.trim_right_ratio", fmt::format("must be from 0 to 1, found {}", a.trim_right_ratio));
    } else if (!a.causal && a.trim_right_ratio != 1) {
      options.Wrong("decoder.trim_right_ratio",
                    fmt::format("must be 1 where causal is false (assertion), found {}", a.trim_right_ratio),
                    "Set seanet.decoder.trim_right_ratio: 1 in xp.cfg");
    }
    if (const auto name = options.NullableString("final_activation")) {
      a.final_activation = ReadActivation(options, "final_activation", *name, "final_activation_params",
                                          /*default_alpha=*/false, problems);
    }
    options.Ignore({"final_activation_params"});
  }
  options.Finish();
  return problems.wrong.empty() && problems.unsupported.empty() ? BuildSeanet(a, side, SeanetNaming::kAudiocraft)
                                                                : SeanetSpec{};
}

}  // namespace harness::architecture
