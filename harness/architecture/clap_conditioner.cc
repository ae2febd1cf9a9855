// CLAPEmbeddingConditioner: audiocraft 1.3.0, modules/conditioners.py. MusicGen gives it no input: it is described, and
// not run.
#include <fmt/format.h>

#include <utility>

#include "harness/architecture/conditioner_kind.h"

namespace harness::architecture {
namespace {

void ReadClap(const ConditionerArguments& arguments, ConditionerSpec& conditioner, config::OptionProblems& problems) {
  config::OptionReader options(arguments.map, arguments.path, "CLAPEmbeddingConditioner", problems);
  ClapOptions clap;
  conditioner.input_dim = options.Int("dim", std::nullopt);
  conditioner.input_origin = options.Path("dim");
  clap.attribute = options.String("attribute", std::nullopt);
  for (const char* required : {"quantize", "model_arch", "enable_fusion", "normalize", "text_p"}) {
    if (!options.Has(required)) options.Wrong(required, "is missing: CLAPEmbeddingConditioner needs it");
    options.Ignore({required});
  }
  const std::string checkpoint = options.String("checkpoint", std::nullopt);
  for (const char* number : {"sample_rate", "max_audio_length", "audio_stride"}) options.Float(number, std::nullopt);
  const int64_t codebooks = options.Int("n_q", std::nullopt, 1, 4096);
  const int64_t bins = options.Int("bins", std::nullopt);
  options.Ignore({"batch_size", "autocast_dtype", "cache_path"});
  if (config::IsTruthy(options.Raw("quantize"))) {
    clap.quantizer = {.codebooks = codebooks, .cardinality = bins};
    options.Ignore({"q_dropout", "decay", "kmeans_init", "kmeans_iters", "threshold_ema_dead_code",
                    "orthogonal_reg_weight", "orthogonal_reg_active_codes_only", "orthogonal_reg_max_codes"});
    options.Finish();
  }
  conditioner.fetches.push_back(fmt::format("the laion_clap package, CLAP {} and roberta-base", checkpoint));
  conditioner.options = std::move(clap);
}

void AppendClapTensors(const ConditionerSpec& conditioner, ConditionerTensors& tensors) {
  tensors.AddQuantizer("quantizer", std::get<ClapOptions>(conditioner.options).quantizer, "n_q");
}

int64_t CountClapTensors(const ConditionerSpec& conditioner) {
  return 4 * std::get<ClapOptions>(conditioner.options).quantizer.codebooks;
}

}  // namespace

const ConditionerKind ClapOptions::kKind = {.model = "clap",
                                            .input = ConditionerInput::kJointEmbedding,
                                            .runs = false,
                                            .read = ReadClap,
                                            .append_tensors = AppendClapTensors,
                                            .more_tensors = CountClapTensors};

}  // namespace harness::architecture
