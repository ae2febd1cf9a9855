// What the reference did with the export: an artifact of the production stage, judged by
// generation/production_loader.
#pragma once

#include <filesystem>
#include <string>

#include "harness/base/result.h"

namespace conformance {

// What the reference did. Kept by the stage of a run that CTest drives, as OUTPUT/stages/production.json.
struct ProductionRun {
  enum class Outcome { kNotRun, kRuns, kRaises, kNoAudiocraft };  // the last: AUDIOCRAFT_PYTHON is to blame
  Outcome outcome = Outcome::kNotRun;
  std::string message;     // why it did not run; or the stage and the error
  std::string remedy;      // of what did not run
  std::string stage;       // that raised: "load", "generate"
  std::string audiocraft;  // its version
  double load_s = 0;
  int64_t codes = 0;        // compared
  int64_t differing = 0;    // of them
  int64_t first_frame = 0;  // of those that differ
  double gap = 0;           // between the two best logits there, in this suite's own run
};

harness::Status WriteProduction(const std::filesystem::path& path, const std::string& run_id, const ProductionRun& run);
harness::Result<ProductionRun> ReadProduction(const std::filesystem::path& path, const std::string& run_id);

}  // namespace conformance
