#include "conformance/framework/generation_record.h"

#include <fmt/format.h>

#include "conformance/framework/artifact.h"

namespace conformance {

using harness::Error;
using harness::ErrorCode;
using nlohmann::json;

static json ToJson(const GreedyRun& greedy) {
  return {{"problem", greedy.problem},       {"prompt", greedy.prompt ? json(*greedy.prompt) : json(nullptr)},
          {"tokens", greedy.tokens},         {"gaps", greedy.gaps},
          {"duration_s", greedy.duration_s}, {"cfg_coef", greedy.cfg_coef}};
}

static json ToJson(const ModelProbe& probe) {
  return {{"not_run", probe.not_run}, {"reason", probe.reason}, {"passed", probe.passed},
          {"message", probe.message}, {"remedy", probe.remedy}, {"measured", probe.measured},
          {"limit", probe.limit}};
}

// Throws json::exception.
static ModelProbe ProbeFromJson(const json& from) {
  return {.not_run = from.at("not_run").get<std::string>(),
          .reason = from.at("reason").get<std::string>(),
          .passed = from.at("passed").get<bool>(),
          .message = from.at("message").get<std::string>(),
          .remedy = from.at("remedy").get<std::string>(),
          .measured = json(from.at("measured")),
          .limit = json(from.at("limit"))};
}

std::string DescribePrompt(const GenerationRun& run) {
  const std::string text = run.prompt ? fmt::format("prompt '{}'", *run.prompt) : "unconditional";
  return run.melody.empty() ? text : fmt::format("{}, melody {}", text, run.melody);
}

const ModelProbe& GenerationRecord::FindProbe(const std::string& check) const {
  static const ModelProbe none;
  const auto found = probes.find(check);
  return found != probes.end() ? found->second : none;
}

harness::Status WriteRecord(const std::filesystem::path& path, const std::string& run_id,
                            const GenerationRecord& record) {
  json runs = json::object();
  for (const auto& [name, run] : record.runs) {
    runs[name] = {{"status", static_cast<int>(run.status)},
                  {"message", run.message},
                  {"remedy", run.remedy},
                  {"reason", run.reason},
                  {"prompt", run.prompt ? json(*run.prompt) : json(nullptr)},
                  {"melody", run.melody},
                  {"tokens", run.tokens},
                  {"audio", run.audio},
                  {"frames", run.frames},
                  {"num_codebooks", run.num_codebooks},
                  {"cardinality", run.cardinality},
                  {"sample_rate_hz", run.sample_rate_hz},
                  {"channels", run.channels},
                  {"samples", run.samples},
                  {"repeated_frames", run.repeated_frames},
                  {"differing_codes", run.differing_codes},
                  {"load_s", run.load_s},
                  {"generate_s", run.generate_s},
                  {"decode_s", run.decode_s},
                  {"first_code_s", run.first_code_s},
                  {"step_s", run.step_s},
                  {"memory_peak_bytes", run.memory_peak_bytes}};
  }
  json probes = json::object();
  for (const auto& [check, probe] : record.probes) probes[check] = ToJson(probe);
  return WriteArtifact(path, run_id,
                       {{"device", record.device},
                        {"problem", record.problem},
                        {"remedy", record.remedy},
                        {"skipped", record.skipped},
                        {"reason", record.reason},
                        {"device_name", record.device_name},
                        {"compute_capability", record.compute_capability},
                        {"driver_version", record.driver_version},
                        {"gpu_choice", record.gpu_choice},
                        {"runs", runs},
                        {"probes", probes},
                        {"greedy", ToJson(record.greedy)}});
}

harness::Result<GenerationRecord> ReadRecord(const std::filesystem::path& path, const std::string& run_id) {
  HARNESS_ASSIGN_OR_RETURN(const json body, ReadArtifact(path, run_id));
  GenerationRecord record;
  try {
    record.device = body.at("device").get<std::string>();
    record.problem = body.at("problem").get<std::string>();
    record.remedy = body.at("remedy").get<std::string>();
    record.skipped = body.at("skipped").get<bool>();
    record.reason = body.at("reason").get<std::string>();
    record.device_name = body.at("device_name").get<std::string>();
    record.compute_capability = body.at("compute_capability").get<std::string>();
    record.driver_version = body.at("driver_version").get<std::string>();
    record.gpu_choice = body.at("gpu_choice").get<std::string>();
    for (const auto& [name, from] : body.at("runs").items()) {
      GenerationRun& run = record.runs[name];
      run.status = static_cast<GenerationRun::Status>(from.at("status").get<int>());
      run.message = from.at("message").get<std::string>();
      run.remedy = from.at("remedy").get<std::string>();
      run.reason = from.at("reason").get<std::string>();
      if (!from.at("prompt").is_null()) run.prompt = from.at("prompt").get<std::string>();
      run.melody = from.at("melody").get<std::string>();
      run.tokens = from.at("tokens").get<std::string>();
      run.audio = from.at("audio").get<std::string>();
      run.frames = from.at("frames").get<int64_t>();
      run.num_codebooks = from.at("num_codebooks").get<int64_t>();
      run.cardinality = from.at("cardinality").get<int64_t>();
      run.sample_rate_hz = from.at("sample_rate_hz").get<int64_t>();
      run.channels = from.at("channels").get<int64_t>();
      run.samples = from.at("samples").get<int64_t>();
      run.repeated_frames = from.at("repeated_frames").get<int64_t>();
      run.differing_codes = from.at("differing_codes").get<int64_t>();
      run.load_s = from.at("load_s").get<double>();
      run.generate_s = from.at("generate_s").get<double>();
      run.decode_s = from.at("decode_s").get<double>();
      run.first_code_s = from.at("first_code_s").get<double>();
      run.step_s = from.at("step_s").get<double>();
      run.memory_peak_bytes = from.at("memory_peak_bytes").get<int64_t>();
    }
    for (const auto& [check, probe] : body.at("probes").items()) record.probes[check] = ProbeFromJson(probe);
    const json& greedy = body.at("greedy");
    record.greedy.problem = greedy.at("problem").get<std::string>();
    if (!greedy.at("prompt").is_null()) record.greedy.prompt = greedy.at("prompt").get<std::string>();
    record.greedy.tokens = greedy.at("tokens").get<std::string>();
    record.greedy.gaps = greedy.at("gaps").get<std::string>();
    record.greedy.duration_s = greedy.at("duration_s").get<double>();
    record.greedy.cfg_coef = greedy.at("cfg_coef").get<double>();
  } catch (const json::exception& error) {
    return Error{ErrorCode::kCorrupt, fmt::format("{} is damaged: {}", path.string(), error.what())};
  }
  return record;
}

}  // namespace conformance
