// From an export to the codec that decodes what its language model generates: references followed, the active codebooks
// set, the stereo wrap put around it.
//
// Lifetime: weights that needed no cast are views of files that the Export (or its codec()) holds.
// Source: audiocraft 1.3.0, models/musicgen.py get_pretrained, models/builders.py get_wrapped_compression_model.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "harness/base/result.h"
#include "harness/export/export.h"
#include "harness/model/compression_model.h"
#include "harness/pipeline/alternatives.h"

namespace harness::pipeline {

// Precondition: the language model's spec is ok, and every static stage of the codec's file; own weights agree with
// their config. Throws what LibTorch throws: LoadModels catches it. Errors: kUnsupported (a reference of which only the
// properties are known: why, and what to do), those of Export::codec(), kMismatch (the wrap, or the codebooks, do not
// go with the codec).
Result<std::unique_ptr<model::CompressionModel>> LoadCodec(exports::Export& source, at::Device device);

// As LoadCodec, but the export's own weights read as `as` has them. Precondition: the codec is an OwnCodec.
Result<std::unique_ptr<model::CompressionModel>> LoadCodecAs(exports::Export& source, const CodecAlternative& as,
                                                             at::Device device);

// The codec that a reference leads to, without a wrap. `facts`: its own, with the active codebooks. Precondition: it is
// not an OwnCodec.
Result<std::unique_ptr<model::CompressionModel>> LoadReferencedCodec(const exports::CodecDescription& codec,
                                                                     architecture::CodecFacts facts, at::Device device);

}  // namespace harness::pipeline
