#include "conformance/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <thread>

#include "conformance/artifact.h"
#include "conformance/file_names.h"
#include "conformance/gpu_choice.h"
#include "conformance/slots.h"
#include "harness/base/atomic_file.h"
#include "harness/report/html.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::CheckResult;
using harness::CheckStatus;
using nlohmann::json;

const CheckResult* Find(const std::vector<CheckResult>& checks, const std::string& id) {
  const auto found = std::find_if(checks.begin(), checks.end(), [&](const CheckResult& c) { return c.id == id; });
  return found == checks.end() ? nullptr : &*found;
}

// Capabilities that the run did not exercise, whether or not they were required.
std::vector<std::string> NotRun(const Context& context, const std::vector<CheckResult>& checks) {
  std::set<std::string> words;
  for (const CheckResult& check : checks) {
    // A device that was asked for and can't be used fails its check, and did not run either.
    const bool no_device = check.status == CheckStatus::kFail && check.message.starts_with(NotOnDevice("cuda"));
    const bool skipped = check.status == CheckStatus::kSkip || check.status == CheckStatus::kUnsupported;
    if (!skipped && !no_device) continue;
    std::string word = RequirementOf(context, check.id, check.message);
    // Most models take no melody: worth telling only to who asked for one.
    if (word.empty() || (check.message == kTakesNoMelody && !context.settings().require.contains(word))) continue;
    words.insert(std::move(word));
  }
  return {words.begin(), words.end()};
}

// Keys of the profile, and variables, that this version accepts and does nothing with.
std::vector<std::string> NotApplied(const Context& context) {
  static const std::set<std::string> kKeys = {"reference_audio", "expect_trained"};
  std::vector<std::string> list;
  for (const std::string& key : context.profile().keys) {
    if (kKeys.contains(key)) list.push_back("profile: " + key);
  }
  return list;
}

json ExportInfo(const Context& context, const std::vector<CheckResult>& checks) {
  json info = {{"path", context.settings().export_dir ? context.settings().export_dir->string() : ""}};
  for (const auto role : kRoles) {
    json file = {{"file", harness::FileName(role)}};
    std::error_code error;
    const auto size = fs::file_size(context.settings().export_dir.value_or("") / harness::FileName(role), error);
    file["size_bytes"] = error ? json(nullptr) : json(size);
    if (const CheckResult* options = Find(checks, fmt::format("shape_config_agreement/{}/options", Slug(role)))) {
      file["model"] = options->measured;
    }
    info[Slug(role)] = std::move(file);
  }
  return info;
}

json Environment(const Context& context) {
  return {{"suite", CONFORMANCE_VERSION},
          {"libtorch", CONFORMANCE_LIBTORCH_VERSION},
          {"compiler", __VERSION__},
          {"cores", std::thread::hardware_concurrency()},
          {"cuda_device", CudaDevicePresent()},
          {"gpu_choice", GpuChoiceText([](const char* name) { return std::getenv(name); })},
          {"profile", context.settings().profile_path.string()},
          {"require", context.settings().require}};
}

// What the checks of one slot measured, by the last word of their ids.
json Metrics(const std::vector<CheckResult>& checks, const Slot& slot) {
  json metrics = json::object();
  for (const char* category : {"generation/", "audio_output/"}) {
    const std::string prefix = category + slot.Path() + "/";
    for (const CheckResult& check : checks) {
      if (check.id.starts_with(prefix) && !check.measured.is_null())
        metrics[check.id.substr(prefix.size())] = check.measured;
    }
  }
  return metrics;
}

}  // namespace

std::string RequirementOf(const Context& context, const std::string& check_id, const std::string& reason) {
  if (!context.settings().export_dir) return "export";
  if (check_id == "codec_compatibility/weights") return "codec";
  if (check_id == "generation/text_encoder") return "text";
  for (const Slot& slot : AllSlots()) {
    if (check_id != "generation/" + slot.Path() + "/runs") continue;
    // A device that is none of this run's says nothing of texts and melodies: the other one's tests do.
    if (reason.starts_with(NotOnDevice(slot.device))) return slot.device == "cuda" && slot.index == 0 ? "cuda" : "";
    const auto& prompts = context.profile().prompts;
    if (slot.is_melody()) return "melody";
    if (slot.index >= prompts.size()) return "";
    if (prompts[slot.index]) return "text";
    return slot.device == "cuda" ? "cuda" : "";
  }
  return "";
}

harness::Report AssembleReport(const Context& context, std::vector<CheckResult> checks,
                               const std::map<std::string, GenerationRecord>& records) {
  harness::Report report;
  report.not_run = NotRun(context, checks);
  report.not_applied = NotApplied(context);
  report.export_info = ExportInfo(context, checks);
  report.environment = Environment(context);
  for (const Slot& slot : AllSlots()) {
    const auto record = records.find(slot.device);
    if (record == records.end()) continue;
    const GenerationRun& run = record->second.runs[slot.index];
    if (run.status != GenerationRun::Status::kDone) continue;
    report.generation.push_back({.device = slot.device,
                                 .run = slot.Run(),
                                 .prompt = run.prompt,
                                 .seed = context.profile().seed,
                                 .tokens = run.tokens,
                                 .audio = run.audio,
                                 .frames = run.frames,
                                 .metrics = Metrics(checks, slot)});
  }
  report.checks = std::move(checks);
  return report;
}

harness::Status WriteReports(const Context& context, const harness::Report& report) {
  const fs::path& output = context.settings().output_dir;
  RETURN_IF_ERROR(harness::WriteReport(output / "report.json", report));
  return harness::WriteFileAtomically(output / "report.html", {harness::RenderHtml(report)});
}

harness::Status ClearArtifacts(const Settings& settings) {
  std::error_code error;
  fs::create_directories(settings.output_dir, error);
  if (error) {
    return harness::Error{harness::ErrorCode::kIo, fmt::format("CONFORMANCE_OUTPUT_DIR: {} can't be made: {}",
                                                               settings.output_dir.string(), error.message())};
  }
  for (const Check& check : Catalogue()) {
    std::string name = check.id;
    std::replace(name.begin(), name.end(), '/', '.');
    fs::remove(settings.output_dir / "checks" / (name + ".json"), error);
  }
  for (const char* device : {"cpu", "cuda"}) {
    fs::remove(GenerationArtifact(settings.output_dir, device), error);
  }
  for (const auto role : kRoles) {
    fs::remove(PayloadArtifact(settings.output_dir, role), error);
  }
  fs::remove(ProductionArtifact(settings.output_dir), error);
  for (const char* file : {"tokens.npy", "gaps.npy"})
    fs::remove(settings.output_dir / "generation/cpu/greedy" / file, error);
  for (const Slot& slot : AllSlots()) {
    for (const char* file : {"tokens.npy", "audio.wav"})
      fs::remove(settings.output_dir / "generation" / slot.Path() / file, error);
  }
  for (const char* file : {"report.json", "report.html"}) fs::remove(settings.output_dir / file, error);
  return {};
}

}  // namespace conformance
