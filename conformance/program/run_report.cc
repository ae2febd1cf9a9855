#include "conformance/program/run_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <thread>

#include "conformance/framework/artifact.h"
#include "conformance/framework/file_names.h"
#include "conformance/framework/generation_case.h"
#include "conformance/framework/graph.h"
#include "conformance/program/page_sounds.h"
#include "conformance/stages/gpu_choice.h"
#include "harness/base/atomic_file.h"
#include "harness/report/html.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::report::CheckResult;
using harness::report::CheckStatus;
using nlohmann::json;

const CheckResult* Find(const std::vector<CheckResult>& checks, const std::string& id) {
  const auto found = std::find_if(checks.begin(), checks.end(), [&](const CheckResult& c) { return c.id == id; });
  return found == checks.end() ? nullptr : &*found;
}

// Capabilities that the run did not exercise, whether or not they were required.
std::vector<std::string> ListNotRun(const Context& context, const std::vector<CheckResult>& checks) {
  std::set<std::string> words = context.plan().unexercised;
  const auto& required = context.settings().require;
  for (const CheckResult& check : checks) {
    if (check.requirement.empty()) continue;
    const bool skipped = check.status == CheckStatus::kSkip || check.status == CheckStatus::kUnsupported;
    // A device that was asked for and can't be used fails its check, and did not run either.
    if (!skipped && check.reason != reason::kDeviceUnusable) continue;
    // Most models take no melody: that is worth a word only where one was asked for.
    if (check.reason == reason::kTakesNoMelody && !required.contains(check.requirement)) continue;
    words.insert(check.requirement);
  }
  return {words.begin(), words.end()};
}

json DescribeExport(const Context& context, const std::vector<CheckResult>& checks) {
  json info = {{"path", context.settings().export_dir ? context.settings().export_dir->string() : ""}};
  for (const auto role : kRoles) {
    json file = {{"file", harness::exports::FileName(role)}};
    std::error_code error;
    const auto size =
        fs::file_size(context.settings().export_dir.value_or("") / harness::exports::FileName(role), error);
    file["size_bytes"] = error ? json(nullptr) : json(size);
    if (const CheckResult* options = Find(checks, ids::kOptions(role))) {
      file["model"] = options->measured;
    }
    info[Slug(role)] = std::move(file);
  }
  return info;
}

json DescribeEnvironment(const Context& context) {
  return {{"suite", CONFORMANCE_VERSION},
          {"libtorch", CONFORMANCE_LIBTORCH_VERSION},
          {"compiler", __VERSION__},
          {"cores", std::thread::hardware_concurrency()},
          {"cuda_device", HasCudaDevice()},
          {"gpu_choice", DescribeGpuChoice([](const char* name) { return std::getenv(name); })},
          {"profile", context.settings().profile_path.string()},
          {"require", context.settings().require}};
}

// What the checks of one case measured, by the last word of their ids.
json CollectMetrics(const std::vector<CheckResult>& checks, const GenerationCase& of) {
  json metrics = json::object();
  for (const char* category : {"generation/", "audio_output/"}) {
    const std::string prefix = category + of.Path() + "/";
    for (const CheckResult& check : checks) {
      if (check.id.starts_with(prefix) && !check.measured.is_null())
        metrics[check.id.substr(prefix.size())] = check.measured;
    }
  }
  return metrics;
}

}  // namespace

harness::report::Report AssembleReport(const Context& context, std::vector<CheckResult> checks,
                                       const std::map<std::string, GenerationRecord>& records) {
  harness::report::Report report;
  report.not_run = ListNotRun(context, checks);
  report.export_info = DescribeExport(context, checks);
  report.environment = DescribeEnvironment(context);
  for (const GenerationCase& of : context.plan().cases) {
    const auto record = records.find(of.device);
    if (record == records.end()) continue;
    const auto found = record->second.runs.find(of.Run());
    if (found == record->second.runs.end() || found->second.status != GenerationRun::Status::kDone) continue;
    const GenerationRun& run = found->second;
    report.generation.push_back({.device = of.device,
                                 .run = of.Run(),
                                 .prompt = run.prompt,
                                 .seed = context.profile().seed,
                                 .tokens = run.tokens,
                                 .audio = run.audio,
                                 .frames = run.frames,
                                 .metrics = CollectMetrics(checks, of)});
  }
  report.checks = std::move(checks);
  return report;
}

harness::Status WriteReports(const Context& context, const harness::report::Report& report) {
  const fs::path& output = context.settings().output_dir;
  HARNESS_RETURN_IF_ERROR(harness::report::WriteReport(output / "report.json", report));
  return harness::WriteFileAtomically(output / "report.html",
                                      {harness::report::RenderHtml(report, ReadPageSounds(output, report))});
}

// "file_presence.folder.json": a check of any run.
static bool IsCheckResult(const fs::path& path) {
  const std::string name = path.filename().string();
  const auto& categories = ListCategories();
  return path.extension() == ".json" &&
         std::find(categories.begin(), categories.end(), name.substr(0, name.find('.'))) != categories.end();
}

// "prompt12", "melody", "greedy".
static bool IsRun(const std::string& name) {
  return name == "melody" || name == "greedy" ||
         (name.starts_with("prompt") && name.find_first_not_of("0123456789", 6) == std::string::npos);
}

harness::Status ClearArtifacts(const Settings& settings) {
  std::error_code error;
  fs::create_directories(settings.output_dir, error);
  if (error) {
    return harness::Error{
        harness::ErrorCode::kIo,
        fmt::format("CONFORMANCE_OUTPUT_DIR: {} can't be made: {}", settings.output_dir.string(), error.message()),
        "Name a folder that can be written"};
  }
  for (const auto& entry : fs::directory_iterator(settings.output_dir / "checks", error)) {
    if (IsCheckResult(entry.path())) fs::remove(entry.path(), error);
  }
  for (const char* device : {"cpu", "cuda"}) {
    fs::remove(LocateGenerationArtifact(settings.output_dir, device), error);
    for (const auto& run : fs::directory_iterator(settings.output_dir / "generation" / device, error)) {
      if (!IsRun(run.path().filename().string())) continue;
      for (const char* file : {"tokens.npy", "audio.wav", "gaps.npy"}) fs::remove(run.path() / file, error);
    }
  }
  for (const auto role : kRoles) {
    fs::remove(LocatePayloadArtifact(settings.output_dir, role), error);
  }
  fs::remove(LocateProductionArtifact(settings.output_dir), error);
  for (const char* file : {"report.json", "report.html"}) fs::remove(settings.output_dir / file, error);
  return {};
}

}  // namespace conformance
