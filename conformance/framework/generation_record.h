// What one generation stage left behind: one entry a case, with the paths of its artifacts. Written by the
// program that loads LibTorch, judged by the one that doesn't.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "conformance/framework/profile.h"
#include "harness/base/result.h"

namespace conformance {

struct GenerationRun {
  enum class Status { kNotRun, kSkipped, kUnsupported, kFailed, kDone };
  Status status = Status::kNotRun;
  std::string message;  // why it was skipped, or how it failed
  std::string remedy;   // what to do about that; empty: nothing
  std::string reason;   // of a skip: its code
  std::optional<std::string> prompt;
  std::string melody;         // the WAV file, or empty
  std::string tokens, audio;  // paths relative to the output folder
  int64_t frames = 0;         // T that was asked for
  int64_t num_codebooks = 0;  // K of the language model
  int64_t cardinality = 0;
  int64_t sample_rate_hz = 0, channels = 0;  // of the codec, the stereo wrap included
  int64_t samples = 0;                       // that these frames decode to
  int64_t repeated_frames = 0;               // frames that were generated a second time, with the same seed,
  int64_t differing_codes = 0;               // and how many codes of them came out different
  double load_s = 0, generate_s = 0, decode_s = 0;
  double first_code_s = 0;        // to the first step's codes: StepTimes::first_s
  double step_s = 0;              // of a later step, the median
  int64_t memory_peak_bytes = 0;  // CUDA: of LibTorch's allocator, weights included; CPU: resident, of the process
};

// What the codes of the reference are compared with: generated where AUDIOCRAFT_PYTHON is set.
struct GreedyRun {
  std::string problem = "no greedy run was left";  // why there is none; empty where there is
  std::optional<std::string> prompt;
  std::string tokens, gaps;  // paths: [K, T] int32, and float32, how far the best logit of each code led
  double duration_s = 0, cfg_coef = 0;
};

// What a check that needs the models measured on them: such as the language model in another precision or on another
// device, compared with itself.
struct ModelProbe {
  std::string not_run = "no probe was left";  // why; empty where it ran
  std::string reason = "stage_left_nothing";  // its code
  bool passed = false;
  std::string message;
  std::string remedy = {};
  nlohmann::json measured, limit;
};

struct GenerationRecord {
  std::string device;
  std::string problem;                        // nothing ran: why (models that could not be loaded); empty otherwise
  std::string remedy;                         // what to do about it
  bool skipped = false;                       // `problem` is a reason to skip, not a failure
  std::string reason;                         // its code
  std::string device_name;                    // "cpu", or the card's
  std::string compute_capability;             // "9.0"; empty on the CPU
  std::string driver_version;                 // the CUDA version that the driver serves; empty on the CPU
  std::string gpu_choice;                     // which card, where something chose it: GpuChoiceText
  std::map<std::string, GenerationRun> runs;  // by GenerationCase::Run
  GreedyRun greedy;
  std::map<std::string, ModelProbe> probes;  // by the check that they are for; see stages/model_probes.cc

  const ModelProbe& FindProbe(const std::string& check) const;  // of one that is not there: "no probe was left"
};

// "unconditional", "prompt 'rock'": for messages.
std::string DescribePrompt(const GenerationRun& run);

// "generation-cpu.json" under OUTPUT/stages. `run_id`: IdentifyRun.
harness::Status WriteRecord(const std::filesystem::path& path, const std::string& run_id,
                            const GenerationRecord& record);
// Errors: kNotFound; kMismatch, where it is of another run; kCorrupt.
harness::Result<GenerationRecord> ReadRecord(const std::filesystem::path& path, const std::string& run_id);

}  // namespace conformance
