// The conditioners of a language model, as a config's `conditioners` describes them.
//
// Each kind is a struct of its own options here, and a row (conditioner_kind.h) in KIND_conditioner.cc.
// Source: audiocraft 1.3.0, models/builders.py get_conditioner_provider, models/loaders.py load_lm_model,
// modules/conditioners.py, modules/chroma.py; the style conditioner: audiocraft 1.4.0a2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/architecture/tensor_spec.h"

namespace harness::architecture {

struct ConditionerKind;

// t5: the states that a T5 gives for a text.
struct T5Options {
  std::string name;  // "t5-base"
  bool finetune = false;
  bool normalize_text = false;  // texts go through spaCy first
  // T5's own tensors under their full names, which an export holds where `finetune` is set. They follow from T5's
  // config.json: whoever has found it fills this in (t5_spec.h). Empty: they are not checked, see ListUncheckedPrefixes.
  std::vector<TensorSpec> tensors = {};
  // That config.json was not found: `tensors` are those of a T5 as deep and wide as the export's own tensors say.
  bool inferred = false;
  static const ConditionerKind kKind;
};

// lut: one embedding for a whole text (noop) or for each of its words (whitespace), found by hashing.
struct LutOptions {
  int64_t bins = 0;
  bool whitespace = false;  // splits with spaCy's English model; else "noop"
  int64_t pad_idx = 0;      // the entry that no text takes, masked afterwards
  static const ConditionerKind kKind;
};

// chroma_stem: the energy of each pitch class, frame by frame.
struct ChromaOptions {
  double sample_rate_hz = 0;
  int64_t n_chroma = 0;
  int64_t window_length = 0, n_fft = 0, hop_length = 0;  // samples
  bool argmax = false;                                   // one-hot of the strongest class
  double norm = 0;                                       // of each frame; infinity: the maximum
  int64_t train_frames = 0;  // of dataset.segment_duration: every chroma is cut or repeated to it
  static const ConditionerKind kKind;
};

// A residual quantizer inside of a conditioner. Without codebooks there is none.
struct ConditionerQuantizer {
  int64_t codebooks = 0, cardinality = 0;
};

// clap: a joint embedding of text and audio.
struct ClapOptions {
  std::string attribute;  // the name that it takes its input by
  ConditionerQuantizer quantizer;
  static const ConditionerKind kKind;
};

// style: features of an excerpt, through a transformer, normalised and quantized.
struct StyleOptions {
  bool mert = false;              // features of MERT, else codes of an EnCodec
  int64_t feature_codebooks = 0;  // encodec only
  std::string feature_codec;      // encodec only: its name on the hub
  // Entries of the EnCodec's codebooks; nullopt: a codec that is not known here, its embeddings' shapes neither.
  std::optional<int64_t> feature_cardinality;
  int64_t layers = 0;  // of the transformer; 0: none
  bool batch_norm = false;
  ConditionerQuantizer quantizer;
  static const ConditionerKind kKind;
};

using ConditionerOptions = std::variant<T5Options, LutOptions, ChromaOptions, ClapOptions, StyleOptions>;

// One entry of `conditioners`.
struct ConditionerSpec {
  std::string name;  // "description"
  ConditionerOptions options;
  int64_t input_dim = 0;     // D of the embedding before output_proj
  std::string input_origin;  // what gives it: "conditioners.description.lut.dim"
  // What get_pretrained fetches beside the export, for people: "T5 t5-base (from the hub)".
  std::vector<std::string> fetches;
};

// What the names of a conditioner's tensors start with: "condition_provider.conditioners.NAME.".
std::string ConditionerPrefix(const std::string& conditioner);

// What the names of a fine-tuned T5's tensors start with: "condition_provider.conditioners.NAME.t5.".
std::string T5Prefix(const std::string& conditioner);

// The names that T5Conditioner accepts, and the width of each one's embedding (MODELS, MODELS_DIMS).
std::optional<int64_t> T5Dim(const std::string& name);

}  // namespace harness::architecture
