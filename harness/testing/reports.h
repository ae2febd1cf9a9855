// Reports.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "harness/report/report.h"

namespace harness::testing_support {

inline report::CheckResult MakeCheck(std::string id, report::CheckStatus status, std::string message = "") {
  report::CheckResult check;
  check.category = id.substr(0, id.find('/'));
  check.id = std::move(id);
  check.status = status;
  check.message = std::move(message);
  return check;
}

// One of everything.
inline report::Report FullReport() {
  report::Report report;
  report.not_run = {"cuda", "text"};
  report.environment["require"] = {"cuda"};
  report.not_applied = {"AUDIOCRAFT_PYTHON"};
  report.export_info["path"] = "/models/my-export";
  report.environment["libtorch"] = "2.7.1";
  report.checks = {
      MakeCheck("file_presence/language_model/present", report::CheckStatus::kPass),
      MakeCheck("file_presence/codec/present", report::CheckStatus::kPass),
      MakeCheck("shape_config_agreement/language_model/layers", report::CheckStatus::kFail,
                "24 layers in the file, 48 in the config: config of `medium`, weights of `small`."),
      MakeCheck("generation/cpu/unconditional", report::CheckStatus::kBlocked, "another check must pass first"),
      MakeCheck("generation/cpu/text", report::CheckStatus::kBlocked, "another check must pass first"),
      MakeCheck("generation/cuda/unconditional", report::CheckStatus::kSkip, "no CUDA device"),
      MakeCheck("generation/cuda/text", report::CheckStatus::kSkip, "no CUDA device"),
      MakeCheck("generation/cpu/melody", report::CheckStatus::kSkip, "the profile names no melody"),
      MakeCheck("audio_output/cpu/melody/rms", report::CheckStatus::kUnsupported, "a style conditioner"),
      MakeCheck("audio_output/cpu/melody/peak", report::CheckStatus::kUnsupported, "a style conditioner"),
  };
  report.checks[0].measured["size_bytes"] = 1080000000;
  report.checks[2].measured["layers"] = 24;
  report.checks[2].limit["layers"] = 48;
  report.checks[2].remedy = "Export it again.";
  report.checks[2].reason = "mismatch";
  for (size_t i : {3, 4}) report.checks[i].blocked_by = report.checks[2].id;
  for (size_t i : {5, 6}) {
    report.checks[i].remedy = "Run it on a machine with a GPU.";
    report.checks[i].reason = "no_device";
    report.checks[i].requirement = report.checks[i].device = "cuda";
  }
  report.checks[9].blocked_by = report.checks[8].id;
  report::GenerationResult unconditional;
  unconditional.device = "cpu";
  unconditional.run = "0";
  unconditional.tokens = "generation/cpu/0/tokens.npy";
  unconditional.audio = "generation/cpu/0/audio.wav";
  unconditional.frames = 100;
  unconditional.metrics["peak"] = 0.75;
  report::GenerationResult text = unconditional;
  text.run = "1";
  text.prompt = "upbeat lo fi hip hop beat";
  text.seed = -7;
  text.audio = "";
  report.generation = {unconditional, text};
  return report;
}

// What JSON can't hold, or its readers should not meet.
inline report::Report HostileReport() {
  report::Report report = FullReport();
  report::CheckResult& check = report.checks[0];
  check.message = "tensor \xFF\xFE\x1b[2J\" \\ " + std::string("\0", 1);
  check.measured = nlohmann::json::object();
  check.measured["bad \xC3 key"] = "bad \xC3 value";
  check.measured["rms"] = std::nan("");
  check.measured["peaks"] = {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), 0.1};
  nlohmann::json deep = 1;
  for (int i = 0; i < 200; ++i) deep = nlohmann::json::array({deep});
  check.limit = deep;
  report.generation[0].prompt = "\xF0\x9F";
  return report;
}

}  // namespace harness::testing_support
