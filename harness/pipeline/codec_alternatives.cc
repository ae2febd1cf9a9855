#include "harness/pipeline/codec_alternatives.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/architecture/edit_candidates.h"

namespace harness::pipeline {
namespace {

bool HaveSameTensors(const architecture::CodecSpec& a, const architecture::CodecSpec& b) {
  const auto first = ListCodecTensors(a), second = ListCodecTensors(b);
  return std::equal(first.begin(), first.end(), second.begin(), second.end(),
                    [](const architecture::TensorSpec& x, const architecture::TensorSpec& y) {
                      return x.name == y.name && x.shape == y.shape;
                    });
}

// An edit of the config, if it builds and changes something that no tensor shows.
void Try(const config::Config& edited, const architecture::CodecSpec& spec, const std::string& key,
         const std::string& value, const std::string& present, std::vector<CodecAlternative>& list) {
  if (value == present) return;
  auto other = architecture::DescribeCodec(edited);
  if (other.ok() && HaveSameTensors(spec, *other)) list.push_back({key, value, present, *std::move(other)});
}

template <class Value>
config::ConfigValue MakeValue(Value value) {
  config::ConfigValue made;
  made.data = std::move(value);
  return made;
}

std::string Describe(bool value) { return value ? "true" : "false"; }

}  // namespace

std::vector<CodecAlternative> ListCodecAlternatives(const config::Config& config, const architecture::CodecSpec& spec,
                                                    int64_t codebooks) {
  std::vector<CodecAlternative> list;
  Try(config.With("encodec.causal", MakeValue(!spec.causal)), spec, "encodec.causal", Describe(!spec.causal),
      Describe(spec.causal), list);
  for (const char* name : {"ELU", "ReLU", "LeakyReLU", "GELU", "SiLU"}) {
    // The parameters are one activation's; each is tried as PyTorch has it by default.
    const auto present = config.GetString("seanet.activation");
    if (present.ok() && *present == name) continue;
    const config::Config plain = config.With("seanet.activation_params", MakeValue(config::ConfigValue::Map()));
    Try(plain.With("seanet.activation", MakeValue(std::string(name))), spec, "seanet.activation",
        fmt::format("{} with seanet.activation_params: {{}}", name), present.ok() ? *present : "ELU", list);
  }
  for (const char* mode : {"constant", "reflect", "replicate"}) {
    Try(config.With("seanet.pad_mode", MakeValue(std::string(mode))), spec, "seanet.pad_mode", mode,
        spec.encoder.pad_mode, list);
  }
  for (int64_t i = 0; i < codebooks; ++i) {
    for (int64_t j = i + 1; j < codebooks; ++j) {
      list.push_back({"quantizer.vq.layers.*", fmt::format("codebooks {} and {} exchanged", i, j),
                      "each codebook in its place", spec,
                      [i, j](const architecture::CodecSpec& of, model::TensorTable& tensors) {
                        const std::string a = of.Codebook(i) + ".embed", b = of.Codebook(j) + ".embed";
                        const at::Tensor first = tensors[a], second = tensors[b];
                        tensors.Replace(a, second);
                        tensors.Replace(b, first);
                      }});
    }
  }
  return list;
}

}  // namespace harness::pipeline
