#include "harness/architecture/conditioner_options.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>

namespace harness {
namespace {

constexpr const char* kSpacyModel = "spaCy's English model en_core_web_sm";

// Where a bool is no substitute: torch.empty and range take no True for a size, Module.train nothing but a bool.
int64_t StrictInt(OptionReader& options, std::string_view key) {
  const ConfigValue* value = options.Raw(key);
  if (value != nullptr && std::holds_alternative<bool>(value->data)) {
    options.Wrong(key, fmt::format("must be an integer, found {}", value->Describe()));
    return 1;
  }
  return options.Int(key, std::nullopt);
}

bool StrictBool(OptionReader& options, std::string_view key) {
  const ConfigValue* value = options.Raw(key);
  if (value == nullptr || std::holds_alternative<bool>(value->data)) return options.Bool(key, std::nullopt);
  options.Wrong(key, fmt::format("must be true or false, found {}", value->Describe()));
  return false;
}

// `value or fallback`, for an integer.
int64_t IntOr(OptionReader& options, std::string_view key, int64_t fallback, int64_t min) {
  return Truthy(options.Raw(key)) ? options.Int(key, fallback, min) : fallback;
}

}  // namespace

void ReadT5Options(const ConfigValue::Map& map, const std::string& path, ConditionerSpec& conditioner,
                   OptionProblems& problems) {
  OptionReader options(map, path, "T5Conditioner", problems);
  conditioner.t5_name = options.String("name", std::nullopt);
  conditioner.finetune = StrictBool(options, "finetune");
  conditioner.normalize_text = Truthy(options.Raw("normalize_text"));
  // The one value that is taken for its opposite.
  if (const ConfigValue* value = options.Raw("normalize_text"); value != nullptr) {
    const ConfigValue bare = value->WithoutQuotes();
    if (conditioner.normalize_text && std::get_if<bool>(&bare.data) != nullptr && !std::get<bool>(bare.data)) {
      options.Bool("normalize_text", false);
    }
  }
  // Compared with 0 whenever a text is tokenized: a number, or a bool.
  if (const ConfigValue* dropout = options.Raw("word_dropout");
      dropout != nullptr && !std::holds_alternative<bool>(dropout->data))
    options.Float("word_dropout", 0);
  options.Ignore({"autocast_dtype"});
  options.Finish();
  if (const auto dim = T5Dim(conditioner.t5_name)) {
    conditioner.input_dim = *dim;
  } else if (!conditioner.t5_name.empty()) {
    options.Wrong("name", fmt::format("'{}' is no T5 model that T5Conditioner knows: t5-small, t5-base, t5-large, "
                                      "google/flan-t5-base, ...",
                                      conditioner.t5_name));
  }
  conditioner.fetches.push_back(fmt::format("T5 {} (from the hub)", conditioner.t5_name));
  if (conditioner.normalize_text) conditioner.fetches.emplace_back(kSpacyModel);
}

void ReadLutOptions(const ConfigValue::Map& map, const std::string& path, ConditionerSpec& conditioner,
                    OptionProblems& problems) {
  OptionReader options(map, path, "LUTConditioner", problems);
  LutSpec lut;
  lut.bins = StrictInt(options, "n_bins");
  conditioner.input_dim = StrictInt(options, "dim");
  lut.whitespace = options.Choice("tokenizer", std::nullopt, {"noop", "whitespace"}) == "whitespace";
  // Put into a tensor of integers as it is: true is 1, and a fraction is cut off.
  const ConfigValue* pad_idx = options.Raw("pad_idx");
  double pad = 0;
  if (pad_idx != nullptr && std::holds_alternative<bool>(pad_idx->data)) {
    pad = std::get<bool>(pad_idx->data) ? 1 : 0;
  } else {
    pad = options.Float("pad_idx", 0);
  }
  pad = std::trunc(pad);
  if (pad >= 0 && pad < static_cast<double>(lut.bins)) {
    lut.pad_idx = static_cast<int64_t>(pad);
  } else {
    options.Wrong("pad_idx",
                  fmt::format("must be an entry of the table, 0 to n_bins - 1 = {}, found {}: guidance looks "
                              "it up in every generation (IndexError)",
                              lut.bins - 1, pad));
  }
  options.Finish();
  conditioner.lut = lut;
  if (lut.whitespace) conditioner.fetches.emplace_back(kSpacyModel);
}

void ReadChromaOptions(const ConfigValue::Map& map, const std::string& path, double segment_duration_s,
                       ConditionerSpec& conditioner, OptionProblems& problems) {
  OptionReader options(map, path, "ChromaStemConditioner", problems);
  const size_t wrong_before = problems.wrong.size();
  ChromaSpec chroma;
  chroma.sample_rate_hz = options.Float("sample_rate", std::nullopt);
  if (!(chroma.sample_rate_hz > 0) || std::isinf(chroma.sample_rate_hz)) {
    options.Wrong("sample_rate", fmt::format("must be above 0, found {}", chroma.sample_rate_hz));
  }
  chroma.n_chroma = StrictInt(options, "n_chroma");
  // winlen or 2 ** radix2_exp; nfft or winlen; winhop or winlen // 4.
  if (Truthy(options.Raw("winlen"))) {
    chroma.window_length = options.Int("winlen", 2);
    options.Ignore({"radix2_exp"});
    if (!options.Has("radix2_exp")) options.Wrong("radix2_exp", "is missing: ChromaStemConditioner needs it");
  } else {
    chroma.window_length = int64_t{1} << options.Int("radix2_exp", std::nullopt, 0, 24);
  }
  chroma.n_fft = IntOr(options, "nfft", chroma.window_length, 1);
  chroma.hop_length = IntOr(options, "winhop", chroma.window_length / 4, 1);
  chroma.argmax = Truthy(options.Raw("argmax"));
  chroma.norm = std::numeric_limits<double>::infinity();
  if (const ConfigValue* norm = options.Raw("norm"); norm != nullptr) {
    const auto* text = std::get_if<std::string>(&norm->data);
    // torch.norm takes None and "fro" for the Euclidean norm.
    chroma.norm = norm->is_null() || (text != nullptr && *text == "fro") ? 2 : options.Float("norm", 0);
  }
  if (const ConfigValue* wavs = options.Raw("eval_wavs"); wavs != nullptr && !wavs->is_null()) {
    options.Wrong("eval_wavs", fmt::format("must be null in an export, found {}: get_pretrained reads that data set of "
                                           "the training machine, and uses its audio instead of any melody",
                                           wavs->Describe()));
  }
  options.Ignore({"match_len_on_eval", "n_eval_wavs", "cache_path"});  // get_pretrained sets the first to true
  options.Finish();
  conditioner.input_dim = chroma.n_chroma;
  conditioner.fetches.emplace_back("Demucs htdemucs (from its authors' server)");
  if (problems.wrong.size() > wrong_before) return;

  if (chroma.n_fft < 2 || chroma.window_length > chroma.n_fft) {
    options.Wrong("nfft", fmt::format("must be 2 or more, and no shorter than the window: found {} and {} samples",
                                      chroma.n_fft, chroma.window_length));
  } else if (chroma.hop_length < 1) {
    options.Wrong("winhop", fmt::format("is a quarter of the window by default: 0 with a window of {} samples",
                                        chroma.window_length));
  } else {
    const double samples = std::trunc(chroma.sample_rate_hz * segment_duration_s);
    const double bins = static_cast<double>(chroma.n_fft / 2 + 1);
    const double frames =
        1 + std::fmax(samples, static_cast<double>(chroma.n_fft)) / static_cast<double>(chroma.hop_length);
    if (frames * bins > static_cast<double>(int64_t{1} << 28) ||
        bins * static_cast<double>(chroma.n_chroma) > static_cast<double>(int64_t{1} << 26)) {
      options.Unsupported("n_chroma",
                          fmt::format("{} with {} spectrogram bins and {} frames in dataset.segment_duration "
                                      "is more than this suite computes",
                                      chroma.n_chroma, bins, frames));
    } else {
      const int64_t padded = std::max(static_cast<int64_t>(samples), chroma.n_fft);
      chroma.train_frames = 1 + (padded + 2 * (chroma.n_fft / 2) - chroma.n_fft) / chroma.hop_length;
    }
  }
  conditioner.chroma = chroma;
}

void ReadStyleOptions(const ConfigValue::Map& map, const std::string& path, ConditionerSpec& conditioner,
                      OptionProblems& problems) {
  OptionReader options(map, path, "StyleConditioner", problems);
  StyleSpec style;
  style.mert = options.Choice("model_name", std::nullopt, {"encodec", "mert"}) == "mert";
  struct Scale {
    int64_t dim, layers;
  };
  static const std::map<std::string, Scale> scales = {
      {"xsmall", {256, 4}}, {"default", {512, 8}}, {"large", {1024, 24}}, {"none", {512, 0}}};
  const Scale scale = scales.at(options.Choice("transformer_scale", "default", {"default", "xsmall", "large", "none"}));
  conditioner.input_dim = scale.dim;
  style.layers = scale.layers;
  style.batch_norm = !options.Has("batch_norm") || Truthy(options.Raw("batch_norm"));
  options.Ignore({"batch_norm"});

  const int64_t codebooks = options.Int("n_q_out", 6, -OptionReader::kMaxSize, 4096);
  const int64_t bins = options.Int("bins", 1024);
  const int64_t eval_q = options.Int("eval_q", 3, -OptionReader::kMaxSize);
  if (codebooks > 0) {
    conditioner.quantizer = {.codebooks = codebooks, .cardinality = bins};
    if (eval_q < 1 || eval_q > codebooks) {
      options.Wrong("eval_q", fmt::format("must be between 1 and n_q_out = {}, found {}: an assertion in every "
                                          "generation",
                                          codebooks, eval_q));
    }
  }
  options.Int("ds_factor", 15);
  options.Float("sample_rate", std::nullopt);
  options.Float("length", std::nullopt);
  const std::string checkpoint = options.String("encodec_checkpoint", std::nullopt);
  if (style.mert) {
    options.Ignore({"encodec_n_q"});
    conditioner.fetches.emplace_back("MERT m-a-p/MERT-v1-95M (from the hub, with code of its own)");
  } else {
    style.feature_codebooks = options.Int("encodec_n_q", 4, 0, 4096);
    static const std::map<std::string, int64_t> cardinalities = {{"facebook/encodec_32khz", 2048},
                                                                 {"facebook/encodec_24khz", 1024},
                                                                 {"facebook/encodec_48khz", 1024},
                                                                 {"dac_44khz", 1024},
                                                                 {"dac_24khz", 1024}};
    const std::string prefix = "//pretrained/";
    if (checkpoint.starts_with(prefix)) {
      style.feature_codec = checkpoint.substr(prefix.size());
      const auto known = cardinalities.find(style.feature_codec);
      if (known != cardinalities.end()) style.feature_cardinality = known->second;
      conditioner.fetches.push_back(fmt::format("codec {} (from the hub)", checkpoint.substr(prefix.size())));
    } else if (!checkpoint.empty()) {
      options.Unsupported("encodec_checkpoint",
                          fmt::format("is '{}', a checkpoint that is not in the export: get_pretrained looks it up on "
                                      "the machine where it runs",
                                      checkpoint));
    }
  }
  options.Ignore({"q_dropout", "varying_lengths", "rvq_threshold_ema_dead_code", "compute_mask",
                  "use_middle_of_segment", "ds_rate_compression", "num_codebooks_lm"});
  options.Finish();
  conditioner.style = style;
  conditioner.needs_audiocraft = "1.4";
}

void ReadClapOptions(const ConfigValue::Map& map, const std::string& path, ConditionerSpec& conditioner,
                     OptionProblems& problems) {
  OptionReader options(map, path, "CLAPEmbeddingConditioner", problems);
  conditioner.input_dim = options.Int("dim", std::nullopt);
  conditioner.attribute = options.String("attribute", std::nullopt);
  for (const char* required : {"quantize", "model_arch", "enable_fusion", "normalize", "text_p"}) {
    if (!options.Has(required)) options.Wrong(required, "is missing: CLAPEmbeddingConditioner needs it");
    options.Ignore({required});
  }
  const std::string checkpoint = options.String("checkpoint", std::nullopt);
  for (const char* number : {"sample_rate", "max_audio_length", "audio_stride"}) options.Float(number, std::nullopt);
  const int64_t codebooks = options.Int("n_q", std::nullopt, 1, 4096);
  const int64_t bins = options.Int("bins", std::nullopt);
  options.Ignore({"batch_size", "autocast_dtype", "cache_path"});
  if (Truthy(options.Raw("quantize"))) {
    conditioner.quantizer = {.codebooks = codebooks, .cardinality = bins};
    options.Ignore({"q_dropout", "decay", "kmeans_init", "kmeans_iters", "threshold_ema_dead_code",
                    "orthogonal_reg_weight", "orthogonal_reg_active_codes_only", "orthogonal_reg_max_codes"});
    options.Finish();
  }
  conditioner.fetches.push_back(fmt::format("the laion_clap package, CLAP {} and roberta-base", checkpoint));
}

}  // namespace harness
