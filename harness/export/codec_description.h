// What the codec of an export is, a reference followed to its end. No LibTorch.
//
// A new kind of codec: a struct in CodecSource, what leads to it (codec_references.h), and what is built of it
// (pipeline/codec_source.cc). Ownership: a description owns the files that it found; of own weights, the Export does.
// Source: audiocraft 1.3.0, models/loaders.py load_compression_model, models/encodec.py
// CompressionModel.get_pretrained; descript-audio-codec 1.0.0, dac/utils/__init__.py.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/architecture/agreement.h"
#include "harness/architecture/codec_facts.h"
#include "harness/architecture/codec_spec.h"
#include "harness/architecture/dac_spec.h"
#include "harness/architecture/lm_spec.h"
#include "harness/base/result.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/weights_file.h"
#include "harness/export/export_file.h"

namespace harness::exports {

// The tensors of a file, which agree with a codec's spec: specs[i] is tensor binding[i] of it.
struct BoundTensors {
  std::vector<architecture::TensorSpec> specs;
  std::vector<size_t> binding;
};

// The weights of the package itself.
struct OwnCodec {
  architecture::CodecSpec spec;
};

// Another package, which a path leads to.
struct PackagedCodec {
  architecture::CodecSpec spec;
  BoundTensors tensors;
  std::unique_ptr<ExportFile> file;
};

// An EnCodec of the Transformers library, in the hub's cache.
struct HubCodec {
  architecture::CodecSpec spec;
  BoundTensors tensors;  // bound by name
  std::unique_ptr<checkpoint::WeightsFile> weights;
};

// DAC, in the cache of its own.
struct DacCodecFile {
  architecture::DacSpec spec;
  BoundTensors tensors;
  std::unique_ptr<checkpoint::Checkpoint> weights;
};

// One of which only the properties are known here (known_codecs.h).
struct UncachedCodec {
  Error why;  // it can't decode here
};

using CodecSource = std::variant<OwnCodec, PackagedCodec, HubCodec, DacCodecFile, UncachedCodec>;

struct CodecDescription {
  std::string name;                // what a reference leads to: that name, or the file that a path leads to
  architecture::CodecFacts facts;  // before any wrap, with every codebook
  int64_t encoder_hop = 0, decoder_hop = 0;
  CodecSource source;

  // Null where it is not an EnCodec with weights.
  const architecture::CodecSpec* encodec() const;
  // Not a package, which brings a config of its own.
  bool is_named() const;
  // Where a property comes from, by the key that gives it in a package ("rvq.bins"): for messages.
  std::string From(const std::string& key) const;
};

// Of a package with weights. `spec` is its config's.
CodecDescription DescribeOwnCodec(const architecture::CodecSpec& spec);

architecture::CodecWrap ChooseCodecWrap(const architecture::LmSpec& spec);

}  // namespace harness::exports
