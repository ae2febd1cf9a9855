#include "harness/architecture/codec_spec.h"

#include <fmt/format.h>

#include <numeric>
#include <optional>

#include "harness/architecture/seanet.h"
#include "harness/config/option_reader.h"

namespace harness::architecture {
namespace {

// {**common, **override}, as get_encodec_autoencoder merges them.
config::ConfigValue::Map Merge(const config::ConfigValue::Map& common, const config::ConfigValue::Map& override_map) {
  config::ConfigValue::Map merged;
  for (const auto& entry : common) {
    if (entry.first != "encoder" && entry.first != "decoder") merged.push_back(entry);
  }
  for (const auto& entry : override_map) {
    bool replaced = false;
    for (auto& present : merged) {
      if (present.first == entry.first) {
        present.second = entry.second;
        replaced = true;
      }
    }
    if (!replaced) merged.push_back(entry);
  }
  return merged;
}

void ReadAutoencoder(const config::Config& config, CodecSpec& spec, config::OptionProblems& problems) {
  const auto tree = config::ReadMapping(config, "seanet", problems);
  if (!tree) return;
  const config::ConfigValue* parts[2] = {tree->Find("encoder"), tree->Find("decoder")};
  for (int i = 0; i < 2; ++i) {
    const std::string path = i == 0 ? "seanet.encoder" : "seanet.decoder";
    if (parts[i] == nullptr || config::AsMap(*parts[i]) == nullptr) {
      problems.AddWrong(path, "must be a mapping (empty where nothing is overridden)");
      continue;
    }
    const config::ConfigValue::Map merged = Merge(*config::AsMap(*tree), *config::AsMap(*parts[i]));
    const SeanetSide side = i == 0 ? SeanetSide::kEncoder : SeanetSide::kDecoder;
    (i == 0 ? spec.encoder : spec.decoder) = DescribeSeanet(merged, side, problems);
  }
  spec.dimension = spec.encoder.dimension;
  if (problems.wrong.empty() && spec.encoder.dimension != spec.decoder.dimension) {
    problems.AddWrong("seanet.encoder.dimension",
                      fmt::format("is {}, seanet.decoder.dimension is {}: the decoder can't take what the quantizer "
                                  "gives",
                                  spec.encoder.dimension, spec.decoder.dimension));
  }
}

void ReadQuantizer(const config::Config& config, const std::string& name, CodecSpec& spec,
                   config::OptionProblems& problems) {
  if (name == "no_quant") {
    problems.AddWrong(
        "encodec.quantizer",
        "is no_quant: its codes are the latent itself and not integers, and decoding what a language "
        "model generates raises (ValueError or RuntimeError)",
        "Set encodec.quantizer: rvq in xp.cfg where best_state has quantizer.vq.* tensors. Else export the "
        "codec that the model was trained with: it has such a quantizer");
    return;
  }
  const auto tree = config::ReadMapping(config, "rvq", problems);
  if (!tree) return;
  config::OptionReader options(*config::AsMap(*tree), "rvq", "ResidualVectorQuantizer", problems);
  spec.num_codebooks = options.Int("n_q", 8, 1, 4096);
  spec.cardinality = options.Int("bins", 1024);
  options.Ignore({"dimension", "q_dropout", "decay", "kmeans_init", "kmeans_iters", "threshold_ema_dead_code",
                  "orthogonal_reg_weight", "orthogonal_reg_active_codes_only", "orthogonal_reg_max_codes"});
  options.Finish();
}

}  // namespace

Result<CodecSpec> DescribeCodec(const config::Config& config) {
  CodecSpec spec;
  config::OptionProblems problems;
  auto model = config.GetString("compression_model");
  if (!model.ok()) return model.error();
  if (*model != "encodec") {
    return Error{ErrorCode::kMismatch,
                 fmt::format("{}: compression_model must be encodec, found '{}'", config.source(), *model),
                 "Export EnCodec's weights with export_encodec; any other codec is exported as a reference, such as "
                 "export_pretrained_compression_model('dac_44khz')",
                 {"compression_model"}};
  }
  std::string quantizer = "rvq";
  if (const auto tree = config::ReadMapping(config, "encodec", problems)) {
    config::OptionReader options(*config::AsMap(*tree), "encodec", "EncodecModel", problems);
    options.Choice("autoencoder", std::nullopt, {"seanet"});
    quantizer = options.Choice("quantizer", std::nullopt, {"rvq", "no_quant"});
    spec.sample_rate_hz = options.Int("sample_rate", std::nullopt);
    spec.channels = options.Int("channels", std::nullopt, 1, 64);
    spec.causal = options.Bool("causal", false);
    spec.renormalize = options.Bool("renormalize", false);
    options.Ignore({"renorm"});
    options.Finish();
    if (spec.causal && spec.renormalize) {
      options.Wrong("renormalize",
                    "must be false where causal is true (assertion: Causal model does not support renormalize)");
    }
  }
  ReadAutoencoder(config, spec, problems);
  ReadQuantizer(config, quantizer, spec, problems);
  if (problems.wrong.empty() && spec.encoder.hop_length() > spec.sample_rate_hz && problems.unsupported.empty()) {
    problems.AddWrong("seanet.ratios",
                      fmt::format("give a hop of {} samples, more than a second at {} Hz: the frame rate is 0",
                                  spec.encoder.hop_length(), spec.sample_rate_hz));
  }
  problems.AddRemedies();
  if (Status status = problems.ToStatus(config.source()); !status.ok()) return status.error();
  return spec;
}

std::string CodecSpec::Codebook(int64_t k) const {
  return fmt::format(fmt::runtime(transformers ? "quantizer.layers.{}.codebook" : "quantizer.vq.layers.{}._codebook"),
                     k);
}

CodecFacts SummarizeCodec(const CodecSpec& spec) {
  return {.sample_rate_hz = spec.sample_rate_hz,
          .frame_rate_hz = static_cast<double>(spec.frame_rate_hz()),
          .hop_length = spec.decoder.hop_length(),
          .channels = spec.channels,
          .codebooks = spec.num_codebooks,
          .total_codebooks = spec.num_codebooks,
          .cardinality = spec.cardinality,
          .encode_gives_scale = spec.renormalize};
}

std::vector<TensorSpec> ListCodecTensors(const CodecSpec& spec) {
  std::vector<TensorSpec> list;
  AppendSeanetTensors(spec.encoder, "encoder", list);
  AppendSeanetTensors(spec.decoder, "decoder", list);
  for (int64_t k = 0; k < spec.num_codebooks; ++k) {
    const std::string name = spec.Codebook(k) + ".";
    const auto add = [&](const std::string& leaf, std::vector<int64_t> shape, const std::string& origin,
                         bool training_only) {
      list.push_back({.name = name + leaf,
                      .shape = std::move(shape),
                      .group = "quantizer",
                      .origin = origin,
                      .training_only = training_only});
    };
    // `inited` is read by forward() in training only: encode and decode use `embed` as it is.
    add("inited", {1}, "rvq.n_q", true);
    add("cluster_size", {spec.cardinality}, "rvq.bins", true);
    add("embed", {spec.cardinality, spec.dimension}, "rvq.bins, seanet.dimension", false);
    add("embed_avg", {spec.cardinality, spec.dimension}, "rvq.bins, seanet.dimension", true);
  }
  return list;
}

}  // namespace harness::architecture
