// ChromaStemConditioner: audiocraft 1.3.0, modules/conditioners.py, modules/chroma.py.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/architecture/conditioner_kind.h"

namespace harness::architecture {
namespace {

// `value or fallback`, for an integer.
int64_t IntOr(config::OptionReader& options, std::string_view key, int64_t fallback, int64_t min) {
  return config::IsTruthy(options.Raw(key)) ? options.Int(key, fallback, min) : fallback;
}

// Of dataset.segment_duration, where the window and the sizes are in order.
void CountTrainFrames(config::OptionReader& options, double segment_duration_s, ChromaOptions& chroma) {
  if (chroma.n_fft < 2 || chroma.window_length > chroma.n_fft) {
    options.Wrong("nfft", fmt::format("must be 2 or more, and no shorter than the window: found {} and {} samples",
                                      chroma.n_fft, chroma.window_length));
    return;
  }
  if (chroma.hop_length < 1) {
    options.Wrong("winhop", fmt::format("is a quarter of the window by default: 0 with a window of {} samples",
                                        chroma.window_length));
    return;
  }
  const double samples = std::trunc(chroma.sample_rate_hz * segment_duration_s);
  const double bins = static_cast<double>(chroma.n_fft / 2 + 1);
  const double frames =
      1 + std::fmax(samples, static_cast<double>(chroma.n_fft)) / static_cast<double>(chroma.hop_length);
  if (frames * bins > static_cast<double>(int64_t{1} << 28) ||
      bins * static_cast<double>(chroma.n_chroma) > static_cast<double>(int64_t{1} << 26)) {
    options.Unsupported("n_chroma", fmt::format("{} with {} spectrogram bins and {} frames in dataset.segment_duration "
                                                "is more than this suite computes",
                                                chroma.n_chroma, bins, frames));
    return;
  }
  const int64_t padded = std::max(static_cast<int64_t>(samples), chroma.n_fft);
  chroma.train_frames = 1 + (padded + 2 * (chroma.n_fft / 2) - chroma.n_fft) / chroma.hop_length;
}

void ReadChroma(const ConditionerArguments& arguments, ConditionerSpec& conditioner, config::OptionProblems& problems) {
  config::OptionReader options(arguments.map, arguments.path, "ChromaStemConditioner", problems);
  const size_t wrong_before = problems.wrong.size();
  ChromaOptions chroma;
  chroma.sample_rate_hz = options.Float("sample_rate", std::nullopt);
  if (!(chroma.sample_rate_hz > 0) || std::isinf(chroma.sample_rate_hz)) {
    options.Wrong("sample_rate", fmt::format("must be above 0, found {}", chroma.sample_rate_hz));
  }
  chroma.n_chroma = ReadStrictInt(options, "n_chroma");
  // winlen or 2 ** radix2_exp; nfft or winlen; winhop or winlen // 4.
  if (config::IsTruthy(options.Raw("winlen"))) {
    chroma.window_length = options.Int("winlen", 2);
    options.Ignore({"radix2_exp"});
    if (!options.Has("radix2_exp")) options.Wrong("radix2_exp", "is missing: ChromaStemConditioner needs it");
  } else {
    chroma.window_length = int64_t{1} << options.Int("radix2_exp", std::nullopt, 0, 24);
  }
  chroma.n_fft = IntOr(options, "nfft", chroma.window_length, 1);
  chroma.hop_length = IntOr(options, "winhop", chroma.window_length / 4, 1);
  chroma.argmax = config::IsTruthy(options.Raw("argmax"));
  chroma.norm = std::numeric_limits<double>::infinity();
  if (const config::ConfigValue* norm = options.Raw("norm"); norm != nullptr) {
    const auto* text = std::get_if<std::string>(&norm->data);
    // torch.norm takes None and "fro" for the Euclidean norm.
    chroma.norm = norm->is_null() || (text != nullptr && *text == "fro") ? 2 : options.Float("norm", 0);
  }
  if (const config::ConfigValue* wavs = options.Raw("eval_wavs"); wavs != nullptr && !wavs->is_null()) {
    options.Wrong("eval_wavs",
                  fmt::format("must be null in an export, found {}: get_pretrained reads that data set of the training "
                              "machine, and uses its audio instead of any melody",
                              wavs->Describe()),
                  fmt::format("Set {} to null", options.Path("eval_wavs")));
  }
  options.Ignore({"match_len_on_eval", "n_eval_wavs", "cache_path"});  // get_pretrained sets the first to true
  options.Finish();
  if (problems.wrong.size() == wrong_before) CountTrainFrames(options, arguments.segment_duration_s, chroma);
  conditioner.input_dim = chroma.n_chroma;
  conditioner.input_origin = options.Path("n_chroma");
  conditioner.fetches.emplace_back("Demucs htdemucs (from its authors' server)");
  conditioner.options = chroma;
}

void AppendChromaTensors(const ConditionerSpec& conditioner, ConditionerTensors& tensors) {
  tensors.Add("chroma.spec.window", {std::get<ChromaOptions>(conditioner.options).window_length},
              tensors.Key("radix2_exp or winlen"));
}

void AddChromaEdits(const ConditionerEdits& e) {
  e.edits.Number(e.key + "n_chroma", e.found.Size(e.prefix + "output_proj.weight", 1));
}

}  // namespace

const ConditionerKind ChromaOptions::kKind = {.model = "chroma_stem",
                                              .input = ConditionerInput::kWave,
                                              .read = ReadChroma,
                                              .append_tensors = AppendChromaTensors,
                                              .add_edits = AddChromaEdits};

}  // namespace harness::architecture
