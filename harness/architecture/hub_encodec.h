// An EnCodec of the Transformers library, as its config.json describes it: the same SEANet under other tensor names.
//
// Input: config.json as a mapping; keys that EncodecConfig does not know are ignored there and here. Errors: kMismatch,
// naming every value that the model's constructor, or audiocraft's wrapper, refuses, or that can't decode;
// kUnsupported. Source: transformers 4.40.2, models/encodec; audiocraft 1.3.0, models/encodec.py
// HFEncodecCompressionModel.
#pragma once

#include <string>

#include "harness/architecture/codec_facts.h"
#include "harness/architecture/codec_spec.h"
#include "harness/base/result.h"
#include "harness/config/config.h"

namespace harness::architecture {

struct HubEncodec {
  CodecSpec spec;
  CodecFacts facts;  // with the most codebooks that a bandwidth allows, as the wrapper starts
};

// `source` begins each message ("facebook/encodec_32khz: config.json").
Result<HubEncodec> DescribeHubEncodec(const config::ConfigValue::Map& config, const std::string& source);

}  // namespace harness::architecture
