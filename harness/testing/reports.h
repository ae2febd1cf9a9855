// Reports.
#pragma once

#include <string>
#include <utility>

#include "harness/report/report.h"

namespace harness::testing_support {

inline CheckResult MakeCheck(std::string id, CheckStatus status, std::string message = "") {
  CheckResult check;
  check.category = id.substr(0, id.find('/'));
  check.id = std::move(id);
  check.status = status;
  check.message = std::move(message);
  return check;
}

// One of everything.
inline Report FullReport() {
  Report report;
  report.not_run = {"cuda", "text"};
  report.environment["require"] = {"cuda"};
  report.not_applied = {"AUDIOCRAFT_PYTHON"};
  report.export_info["path"] = "/models/my-export";
  report.environment["libtorch"] = "2.7.1";
  report.checks = {
      MakeCheck("file_presence/language_model/present", CheckStatus::kPass),
      MakeCheck("file_presence/codec/present", CheckStatus::kPass),
      MakeCheck("shape_config_agreement/language_model/layers", CheckStatus::kFail,
                "24 layers in the file, 48 in the config: config of `medium`, weights of `small`.\nExport it again."),
      MakeCheck("generation/cpu/unconditional", CheckStatus::kBlocked,
                "blocked by shape_config_agreement/language_model/layers"),
      MakeCheck("generation/cpu/text", CheckStatus::kBlocked,
                "blocked by shape_config_agreement/language_model/layers"),
      MakeCheck("generation/cuda/unconditional", CheckStatus::kSkip, "no CUDA device"),
      MakeCheck("generation/cuda/text", CheckStatus::kSkip, "no CUDA device"),
      MakeCheck("generation/cpu/melody", CheckStatus::kSkip, "the profile names no melody"),
  };
  report.checks[0].measured["size_bytes"] = 1080000000;
  report.checks[2].measured["layers"] = 24;
  report.checks[2].limit["layers"] = 48;
  GenerationResult unconditional;
  unconditional.device = "cpu";
  unconditional.run = "0";
  unconditional.tokens = "generation/cpu/0/tokens.npy";
  unconditional.audio = "generation/cpu/0/audio.wav";
  unconditional.frames = 100;
  unconditional.metrics["peak"] = 0.75;
  GenerationResult text = unconditional;
  text.run = "1";
  text.prompt = "upbeat lo fi hip hop beat";
  text.seed = -7;
  text.audio = "";
  report.generation = {unconditional, text};
  return report;
}

}  // namespace harness::testing_support
