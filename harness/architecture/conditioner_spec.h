// The conditioners of a language model: what a config's `conditioners` describes, and the tensors that it implies.
// Source: audiocraft 1.3.0, models/builders.py get_conditioner_provider, models/loaders.py load_lm_model,
// modules/conditioners.py, modules/chroma.py; the style conditioner: audiocraft 1.4.0a2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/architecture/tensor_spec.h"

namespace harness {

// lut: one embedding for a whole text (noop) or for each of its words (whitespace), found by hashing.
struct LutSpec {
  int64_t bins = 0;
  bool whitespace = false;  // splits with spaCy's English model; else "noop"
  int64_t pad_idx = 0;      // the entry that no text takes, masked afterwards
};

// chroma_stem: the energy of each pitch class, frame by frame.
struct ChromaSpec {
  double sample_rate_hz = 0;
  int64_t n_chroma = 0;
  int64_t window_length = 0, n_fft = 0, hop_length = 0;  // samples
  bool argmax = false;                                   // one-hot of the strongest class
  double norm = 0;                                       // of each frame; infinity: the maximum
  int64_t train_frames = 0;  // of dataset.segment_duration: every chroma is cut or repeated to it
};

// A residual quantizer inside of a conditioner (style, clap). No codebooks: there is none.
struct ConditionerQuantizer {
  int64_t codebooks = 0, cardinality = 0;
};

// style: features of an excerpt, through a transformer, normalised and quantized.
struct StyleSpec {
  bool mert = false;              // features of MERT, else codes of an EnCodec
  int64_t feature_codebooks = 0;  // encodec only
  std::string feature_codec;      // encodec only: its name on the hub
  // Entries of the EnCodec's codebooks; nullopt: a codec that is not known here, its embeddings' shapes neither.
  std::optional<int64_t> feature_cardinality;
  int64_t layers = 0;  // of the transformer; 0: none
  bool batch_norm = false;
};

// One entry of `conditioners`.
struct ConditionerSpec {
  std::string name;   // "description"
  std::string model;  // "t5", "lut", "chroma_stem", "clap", "style"
  std::string t5_name;
  int64_t input_dim = 0;  // D of the embedding before output_proj
  bool finetune = false;
  bool normalize_text = false;  // t5: texts go through spaCy first
  // T5's own tensors under their full names, which an export holds where `finetune` is set. They follow from T5's
  // config.json: who has found it fills this in (t5_spec.h). Empty: they are not checked, see UncheckedPrefixes.
  std::vector<TensorSpec> t5_tensors;
  std::optional<LutSpec> lut;
  std::optional<ChromaSpec> chroma;
  std::optional<StyleSpec> style;
  ConditionerQuantizer quantizer;
  std::string attribute;  // clap: the name that it takes its input by
  // The first audiocraft that knows this conditioner, where that is not 1.3.0: "1.4" for style. An older one raises
  // ValueError "Unrecognized conditioning model" in get_pretrained.
  std::string needs_audiocraft;
  // What get_pretrained fetches beside the export, for people: "T5 t5-base (from the hub)".
  std::vector<std::string> fetches;

  bool is_text() const { return model == "t5" || model == "lut"; }
};

// At least as many as AppendConditionerTensors appends: for who has to know before they are made.
int64_t MostTensors(const ConditionerSpec& conditioner);

// Group "conditioners". `dim`: transformer_lm.dim, the width that every conditioner projects to.
void AppendConditionerTensors(const ConditionerSpec& conditioner, int64_t dim, std::vector<TensorSpec>& list);

// Prefixes of tensors that the state dict must hold, too, but whose names or shapes depend on something outside the
// export that is not at hand: "condition_provider.conditioners.description.t5.". No check may call them unexpected.
std::vector<std::string> UncheckedPrefixes(const std::vector<ConditionerSpec>& conditioners);

// What the names of a fine-tuned T5's tensors start with: "condition_provider.conditioners.NAME.t5.".
std::string T5Prefix(const std::string& conditioner);

// The names that T5Conditioner accepts, and the width of each one's embedding (MODELS, MODELS_DIMS).
std::optional<int64_t> T5Dim(const std::string& name);

}  // namespace harness
