// What the codec of an export is, a reference followed to its end: own weights, another package, an EnCodec in the
// hub's cache, DAC in its own, or one of which only the properties are known here. No LibTorch.
//
// Ownership: a description owns the files that it found; of own weights, the Export does.
// Source: audiocraft 1.3.0, models/loaders.py load_compression_model, models/encodec.py
// CompressionModel.get_pretrained; descript-audio-codec 1.0.0, dac/utils/__init__.py.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
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

namespace harness {

struct CodecDescription {
  enum class Kind { kOwn, kPackage, kHub, kDac, kKnown };
  Kind kind = Kind::kOwn;
  std::string reference;  // `pretrained` of compression_state_dict.bin; empty: own weights
  std::string name;       // what it leads to: that name, or the file that a path leads to
  CodecFacts facts;       // before any wrap, with every codebook
  int64_t encoder_hop = 0, decoder_hop = 0;
  std::optional<Error> not_run;  // kKnown: why it can't decode here, and what to do

  std::optional<CodecSpec> encodec;  // kPackage, kHub
  std::optional<DacSpec> dac;        // kDac
  // The weights, which agree with the spec: specs[i] is tensor binding[i] of the file (kHub: specs are bound by name).
  std::vector<TensorSpec> specs;
  std::vector<size_t> binding;
  std::unique_ptr<ExportFile> package;       // kPackage
  std::unique_ptr<WeightsFile> hub_weights;  // kHub
  std::unique_ptr<Checkpoint> dac_weights;   // kDac

  // Where a property comes from, by the key that gives it in a package ("rvq.bins"): for messages.
  std::string From(const std::string& key) const;
};

// Of a package with weights. `spec` is its config's.
CodecDescription DescribeOwnCodec(const CodecSpec& spec);

CodecWrap WrapOf(const LmSpec& spec);

}  // namespace harness
