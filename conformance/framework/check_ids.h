// The ids of the checks: each stands here once. They are public (report.json, CHECKS.md, recipes) and never change.
#pragma once

#include <string>
#include <string_view>

#include "conformance/framework/file_names.h"
#include "conformance/framework/generation_case.h"

namespace conformance::ids {

// A check of one of the two files: "state_dict_integrity/codec/checksums".
struct OfFile {
  const char* category;
  const char* slug;
  std::string operator()(harness::exports::Role role) const;
};

// A check of what was generated: "generation/cpu/prompt0/runs".
struct OfCase {
  const char* category;
  const char* slug;
  std::string operator()(const GenerationCase& of) const;
};

inline constexpr const char* kFolder = "file_presence/folder";
inline constexpr const char* kFolderName = "file_presence/folder_name";
inline constexpr OfFile kPresent = {"file_presence", "present"};
inline constexpr OfFile kFormat = {"file_presence", "format"};

inline constexpr OfFile kArchive = {"state_dict_integrity", "archive"};
inline constexpr OfFile kUnambiguous = {"state_dict_integrity", "unambiguous"};
inline constexpr OfFile kChecksums = {"state_dict_integrity", "checksums"};
inline constexpr OfFile kSafety = {"state_dict_integrity", "safety"};
inline constexpr OfFile kPickle = {"state_dict_integrity", "pickle"};
inline constexpr OfFile kStorages = {"state_dict_integrity", "storages"};
inline constexpr OfFile kPackage = {"state_dict_integrity", "package"};
inline constexpr OfFile kFsdp = {"state_dict_integrity", "fsdp"};
inline constexpr OfFile kFinite = {"state_dict_integrity", "finite"};
inline constexpr OfFile kFloat16Range = {"state_dict_integrity", "float16_range"};
inline constexpr OfFile kZero = {"state_dict_integrity", "zero"};
inline constexpr OfFile kConstant = {"state_dict_integrity", "constant"};
inline constexpr OfFile kInitialValues = {"state_dict_integrity", "initial_values"};
inline constexpr OfFile kCopies = {"state_dict_integrity", "copies"};
inline constexpr OfFile kDeadCodebooks = {"state_dict_integrity", "dead_codebooks"};

inline constexpr OfFile kConfig = {"shape_config_agreement", "config"};
inline constexpr OfFile kOptions = {"shape_config_agreement", "options"};
inline constexpr OfFile kEmbeddings = {"shape_config_agreement", "embeddings"};
inline constexpr OfFile kTransformer = {"shape_config_agreement", "transformer"};
inline constexpr OfFile kHeads = {"shape_config_agreement", "heads"};
inline constexpr OfFile kConditionerTensors = {"shape_config_agreement", "conditioners"};
inline constexpr OfFile kEncoder = {"shape_config_agreement", "encoder"};
inline constexpr OfFile kDecoder = {"shape_config_agreement", "decoder"};
inline constexpr OfFile kQuantizer = {"shape_config_agreement", "quantizer"};
inline constexpr OfFile kUnexpected = {"shape_config_agreement", "unexpected"};

inline constexpr const char* kReference = "codec_compatibility/reference";
inline constexpr const char* kDelays = "codec_compatibility/delays";
inline constexpr const char* kStereo = "codec_compatibility/stereo";
inline constexpr const char* kCodebooks = "codec_compatibility/codebooks";
inline constexpr const char* kCardinality = "codec_compatibility/cardinality";
inline constexpr const char* kSampleRate = "codec_compatibility/sample_rate";
inline constexpr const char* kChannels = "codec_compatibility/channels";
inline constexpr const char* kFrameRate = "codec_compatibility/frame_rate";
inline constexpr const char* kTrainedWith = "codec_compatibility/trained_with";
inline constexpr const char* kWeights = "codec_compatibility/weights";

inline constexpr const char* kProductionDefaults = "generation/production_defaults";
inline constexpr const char* kConditioners = "generation/conditioners";
inline constexpr const char* kTextEncoder = "generation/text_encoder";
inline constexpr OfCase kRuns = {"generation", "runs"};
inline constexpr OfCase kCodes = {"generation", "codes"};
inline constexpr OfCase kRepeatable = {"generation", "repeatable"};
inline constexpr const char* kRoundTrip = "generation/round_trip";
inline constexpr const char* kLikelihood = "generation/likelihood";
inline constexpr const char* kAlternatives = "generation/alternatives";
inline constexpr const char* kConditioning = "generation/conditioning";
inline constexpr const char* kContinuation = "generation/continuation";
inline constexpr const char* kFloat16Readiness = "generation/float16_readiness";
inline constexpr const char* kCudaAgreesWithCpu = "generation/cuda_agrees_with_cpu";
inline constexpr const char* kProductionLoader = "generation/production_loader";

inline constexpr OfCase kLength = {"audio_output", "length"};
inline constexpr OfCase kFiniteSound = {"audio_output", "finite"};
inline constexpr OfCase kCodebookUse = {"audio_output", "codebooks"};
inline constexpr OfCase kLevel = {"audio_output", "level"};
inline constexpr OfCase kClipping = {"audio_output", "clipping"};
inline constexpr OfCase kOffset = {"audio_output", "offset"};
inline constexpr OfCase kStuck = {"audio_output", "stuck"};

// "state_dict_integrity": also the label in CTest.
std::string GetCategory(std::string_view id);

// The name of the check's test, from its id: "state_dict_integrity/codec/float16_range" is CodecFloat16Range.
std::string MakeTestName(std::string_view id);
// The name of a category's test suite: "file_presence" is FilePresence.
std::string MakeSuiteName(std::string_view category);

}  // namespace conformance::ids
