#include "conformance/framework/production_run.h"

#include <fmt/format.h>

#include "conformance/framework/artifact.h"

namespace conformance {

using nlohmann::json;

harness::Status WriteProduction(const std::filesystem::path& path, const std::string& run_id,
                                const ProductionRun& run) {
  return WriteArtifact(path, run_id,
                       {{"outcome", static_cast<int>(run.outcome)},
                        {"message", run.message},
                        {"remedy", run.remedy},
                        {"stage", run.stage},
                        {"audiocraft", run.audiocraft},
                        {"load_s", run.load_s},
                        {"codes", run.codes},
                        {"differing", run.differing},
                        {"first_frame", run.first_frame},
                        {"gap", run.gap}});
}

harness::Result<ProductionRun> ReadProduction(const std::filesystem::path& path, const std::string& run_id) {
  HARNESS_ASSIGN_OR_RETURN(const json body, ReadArtifact(path, run_id));
  ProductionRun run;
  try {
    run.outcome = static_cast<ProductionRun::Outcome>(body.at("outcome").get<int>());
    run.message = body.at("message").get<std::string>();
    run.remedy = body.at("remedy").get<std::string>();
    run.stage = body.at("stage").get<std::string>();
    run.audiocraft = body.at("audiocraft").get<std::string>();
    run.load_s = body.at("load_s").get<double>();
    run.codes = body.at("codes").get<int64_t>();
    run.differing = body.at("differing").get<int64_t>();
    run.first_frame = body.at("first_frame").get<int64_t>();
    run.gap = body.at("gap").get<double>();
  } catch (const json::exception& error) {
    return harness::Error{harness::ErrorCode::kCorrupt, fmt::format("{} is damaged: {}", path.string(), error.what())};
  }
  return run;
}

}  // namespace conformance
