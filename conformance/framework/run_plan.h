// What a run consists of: which devices, which generations. Only what applies becomes a test; for each thing that does
// not run, one check says so.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/framework/generation_case.h"
#include "conformance/framework/outcome.h"
#include "conformance/framework/settings.h"

namespace conformance {

// What has to be looked at before the tests are listed. It travels from the process that lists them to those that run
// them as a word each: CONFORMANCE_PLAN="cuda text melody codec".
struct Applicable {
  bool cuda = false;              // CUDA is generated on
  bool cpu = true;                // the CPU is
  bool text = true;               // texts can be encoded; false: generation/text_encoder is skipped
  bool melody = false;            // the model takes one
  bool codec = true;              // there are weights to decode with; false: codec_compatibility/weights is skipped
  std::string cuda_problem = {};  // why CUDA can't be used, where that was asked; not among the words

  std::string ToText() const;
  static Applicable FromText(std::string_view given);
};

struct RunPlan {
  std::vector<std::string> devices;   // that are generated on
  std::vector<GenerationCase> cases;  // that are generated and judged
  std::vector<bool> text_prompts;     // which of the profile's prompts are texts
  // What does not run, and is not said by a check of its own: its id, its outcome.
  struct NotRun {
    std::string id;
    std::string device;
    std::string requirement;
    std::function<Outcome()> outcome;
  };
  std::vector<NotRun> not_run;
  std::set<std::string> unexercised;  // words of CONFORMANCE_REQUIRE that nothing in this plan exercises
  bool production_loader = false;     // AUDIOCRAFT_PYTHON is set
  bool float16_readiness = true;

  // The first case on `device`, which stands for the others where none can run; null: there is none.
  const GenerationCase* FindFirstCase(const std::string& device) const;
  bool is_text(const GenerationCase& of) const { return of.prompt && text_prompts[*of.prompt]; }
};

// `can_use_cuda`: asked for its reason where that is not known yet, when the check that says so is judged; may be null.
RunPlan MakePlan(const Settings& settings, const Applicable& applicable,
                 const std::function<harness::Status()>& can_use_cuda = nullptr);

// Whether "cuda" may be had here: an NVIDIA device node. Never loads CUDA.
bool HasCudaDevice();

// Which of the profile and CONFORMANCE_REQUIRE names `device`, for messages; empty: neither. Where a device that was
// asked for can't be used, that is a failure.
std::string DescribeWhoAsksFor(const Settings& settings, const std::string& device);

}  // namespace conformance
