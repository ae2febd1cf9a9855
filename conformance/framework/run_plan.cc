#include "conformance/framework/run_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "conformance/framework/check_ids.h"
#include "harness/base/error_text.h"

namespace conformance {
namespace {

// Those of a GPU of any number (a container may be given the last one only), and of WSL 2.
constexpr int kMostCards = 64;
constexpr const char* kWslNode = "/dev/dxg";
constexpr const char* kDriver = "/proc/driver/nvidia/version";  // written by the kernel module

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

struct Word {
  const char* name;
  bool Applicable::*flag;
};
constexpr Word kWords[] = {{"cuda", &Applicable::cuda},
                           {"cpu", &Applicable::cpu},
                           {"text", &Applicable::text},
                           {"melody", &Applicable::melody},
                           {"codec", &Applicable::codec}};

// Why CUDA is not run, where it is not: no device, one that can't be used, or a profile that leaves it out.
Outcome ExplainNoCuda(const Settings& settings, std::string problem,
                      const std::function<harness::Status()>& can_use_cuda) {
  if (!settings.profile.devices.empty() && !settings.profile.names_device("cuda")) {
    return Skip(reason::kNotAsked, "cuda is not run: the profile's devices leave it out")
        .WithRemedy("Write devices: [cpu, cuda] into the profile to run both");
  }
  if (!HasCudaDevice()) {
    return Skip(
               reason::kNoDevice,
               fmt::format("cuda is not run: there is no CUDA device: none of /dev/nvidia0 to /dev/nvidia{} ({} NVIDIA "
                           "driver in {}; LibTorch {} here is built {} CUDA)",
                           kMostCards - 1, Exists(kDriver) ? "an" : "no", kDriver, CONFORMANCE_LIBTORCH_VERSION,
                           CONFORMANCE_LIBTORCH_CUDA ? "with" : "without"))
        .WithRemedy("Run this suite on a machine with a GPU before people use the export on one");
  }
  if (problem.empty() && can_use_cuda) {
    if (const auto status = can_use_cuda(); !status.ok()) problem = harness::JoinSentences(status.error());
  }
  return Skip(reason::kDeviceUnusable, fmt::format("cuda is not run: {}. This run takes the CPU", problem))
      .WithRemedy("Set CONFORMANCE_REQUIRE=cuda, or devices: [cuda] in the profile, to make that a failure");
}

// The melody's case on `device`: generated, or said not to be, where somebody could expect it.
void PlanMelody(const Settings& settings, const Applicable& applicable, const std::string& device, RunPlan& plan) {
  const bool given = settings.profile.melody.has_value();
  if (given && applicable.melody) {
    plan.cases.push_back({device, std::nullopt});
    return;
  }
  if (device != plan.devices.front()) return;  // said once
  const std::string id = ids::kRuns({device, std::nullopt});
  if (applicable.melody) {
    plan.not_run.push_back({id, device, "melody", [] {
                              return Skip(reason::kNotAsked, "the profile names no melody (generation.melody)")
                                  .WithRemedy("Name a WAV file there, and the model is run with it, too");
                            }});
  } else if (given || settings.require.contains("melody")) {
    plan.not_run.push_back(
        {id, device, "melody", [] { return Skip(reason::kTakesNoMelody, "the model does not take a melody"); }});
  }
}

}  // namespace

std::string Applicable::ToText() const {
  std::string words;
  for (const Word& word : kWords) {
    if (this->*word.flag) words += fmt::format("{}{}", words.empty() ? "" : " ", word.name);
  }
  return words;
}

Applicable Applicable::FromText(std::string_view given) {
  Applicable applicable;
  const std::string padded = fmt::format(" {} ", given);
  for (const Word& word : kWords)
    applicable.*word.flag = padded.find(fmt::format(" {} ", word.name)) != std::string::npos;
  return applicable;
}

RunPlan MakePlan(const Settings& settings, const Applicable& applicable,
                 const std::function<harness::Status()>& can_use_cuda) {
  RunPlan plan;
  plan.production_loader = !settings.audiocraft_python.empty();
  if (applicable.cpu) plan.devices.emplace_back("cpu");
  if (applicable.cuda) plan.devices.emplace_back("cuda");
  plan.float16_readiness = applicable.cpu && settings.profile.float16_steps > 0;
  if (!applicable.cuda) {
    plan.not_run.push_back(
        {ids::kRuns({"cuda", 0}), "cuda", "cuda", [settings, problem = applicable.cuda_problem, can_use_cuda] {
           return ExplainNoCuda(settings, problem, can_use_cuda);
         }});
  }
  const auto& prompts = settings.profile.prompts;
  for (const auto& prompt : prompts) plan.text_prompts.push_back(prompt.has_value());
  for (const std::string& device : plan.devices) {
    for (size_t i = 0; i < prompts.size(); ++i) {
      if (!prompts[i] || applicable.text) plan.cases.push_back({device, i});
    }
    PlanMelody(settings, applicable, device, plan);
  }
  if (!applicable.codec) {
    // Nothing can be generated, and codec_compatibility/weights says why. What is required has to be seen to be
    // missing.
    std::erase_if(plan.cases, [&](const GenerationCase& of) {
      const std::string word = of.is_melody()        ? "melody"
                               : plan.is_text(of)    ? "text"
                               : of.device == "cuda" ? "cuda"
                                                     : "";
      return !settings.require.contains(word);
    });
    if (std::find(plan.text_prompts.begin(), plan.text_prompts.end(), true) != plan.text_prompts.end())
      plan.unexercised.insert("text");
    if (applicable.cuda) plan.unexercised.insert("cuda");
  }
  return plan;
}

const GenerationCase* RunPlan::FindFirstCase(const std::string& device) const {
  const auto first = std::find_if(cases.begin(), cases.end(), [&](const auto& of) { return of.device == device; });
  return first == cases.end() ? nullptr : &*first;
}

bool HasCudaDevice() {
  for (int i = 0; i < kMostCards; ++i) {
    if (Exists(fmt::format("/dev/nvidia{}", i))) return true;
  }
  return Exists(kWslNode);
}

std::string DescribeWhoAsksFor(const Settings& settings, const std::string& device) {
  if (settings.profile.names_device(device)) return "the profile (devices)";
  return settings.require.contains(device) ? "CONFORMANCE_REQUIRE" : "";
}

}  // namespace conformance
