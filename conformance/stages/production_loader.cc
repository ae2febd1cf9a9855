#include "conformance/stages/production_loader.h"

#include <fmt/format.h>

#include <cstdlib>

#include "conformance/stages/production_script.h"
#include "conformance/stages/subprocess.h"
#include "harness/audio/npy.h"

namespace conformance {
namespace {

using nlohmann::json;

ProductionRun MakeRaised(std::string message) {
  ProductionRun run;
  run.outcome = ProductionRun::Outcome::kRaises;
  run.message = std::move(message);
  return run;
}

ProductionRun MakeNoAudiocraft(const Context& context, const std::string& why) {
  ProductionRun run;
  run.outcome = ProductionRun::Outcome::kNoAudiocraft;
  run.message = fmt::format("AUDIOCRAFT_PYTHON: {} {}", context.settings().audiocraft_python, why);
  run.remedy = "Name the Python of an environment where `import audiocraft` works, or leave the variable out";
  return run;
}

// The last line of the output that is a JSON object: libraries print what they like before it.
json FindLastJson(const std::string& output) {
  size_t end = output.size();
  while (end > 0) {
    const size_t start = output.rfind('\n', end - 1);
    const size_t from = start == std::string::npos ? 0 : start + 1;
    json parsed = json::parse(output.substr(from, end - from), nullptr, /*allow_exceptions=*/false);
    if (parsed.is_object()) return parsed;
    if (start == std::string::npos) break;
    end = start;
  }
  return nullptr;
}

// Counts what differs between the reference's codes and this suite's.
ProductionRun Compare(const json& theirs, const harness::audio::NpyArray<int32_t>& codes,
                      const harness::audio::NpyArray<float>& gaps) {
  ProductionRun run;
  run.outcome = ProductionRun::Outcome::kRuns;
  const auto rows = theirs.at("tokens").get<std::vector<std::vector<int32_t>>>();
  const int64_t num_codebooks = codes.shape[0], num_frames = codes.shape[1];
  bool same_shape = static_cast<int64_t>(rows.size()) == num_codebooks;
  for (const auto& row : rows) same_shape &= static_cast<int64_t>(row.size()) == num_frames;
  if (!same_shape) {
    return MakeRaised(
        fmt::format("audiocraft generates codes of another shape than [{}, {}]", num_codebooks, num_frames));
  }
  run.codes = num_codebooks * num_frames;
  run.first_frame = num_frames;
  for (int64_t k = 0; k < num_codebooks; ++k) {
    for (int64_t t = 0; t < num_frames; ++t) {
      const auto i = static_cast<size_t>(k * num_frames + t);
      if (rows[static_cast<size_t>(k)][static_cast<size_t>(t)] == codes.values[i]) continue;
      ++run.differing;
      if (t >= run.first_frame) continue;
      run.first_frame = t;
      run.gap = gaps.values[i];
    }
  }
  return run;
}

}  // namespace

ProductionRun RunProduction(Context& context) {
  ProductionRun run;
  const GreedyRun& greedy = context.Generation("cpu").greedy;
  if (!greedy.problem.empty()) {
    run.message = greedy.problem;
    return run;
  }
  const auto& output = context.settings().output_dir;
  const auto codes = harness::audio::ReadNpy<int32_t>(output / greedy.tokens);
  const auto gaps = harness::audio::ReadNpy<float>(output / greedy.gaps);
  if (!codes.ok() || !gaps.ok() || codes->shape.size() != 2 || gaps->shape != codes->shape) {
    run.message = codes.ok() ? "the gaps of the greedy run can't be read" : codes.error().message;
    return run;
  }
  std::vector<std::string> argv = {context.settings().audiocraft_python,
                                   "-c",
                                   kProductionScript,
                                   context.settings().export_dir->string(),
                                   fmt::format("{}", greedy.duration_s),
                                   fmt::format("{}", greedy.cfg_coef)};
  if (greedy.prompt) argv.push_back(*greedy.prompt);
  std::vector<std::string> environment = {"HF_HUB_CACHE=" + context.settings().hub_root.string(),
                                          "PYTHONDONTWRITEBYTECODE=1"};
  if (std::getenv("HF_HUB_OFFLINE") == nullptr) environment.emplace_back("HF_HUB_OFFLINE=1");
  // The other Python has libraries of its own: those that this program was started with are not for it.
  if (const char* own = std::getenv("CONFORMANCE_LIBRARY_PATH"), *path = std::getenv("LD_LIBRARY_PATH");
      own != nullptr && path != nullptr && std::string_view(path).starts_with(own)) {
    std::string_view rest = std::string_view(path).substr(std::string_view(own).size());
    if (rest.starts_with(':')) rest.remove_prefix(1);
    environment.push_back(fmt::format("LD_LIBRARY_PATH={}", rest));
  }
  const double limit_s = context.GetLimit("production.max_seconds");
  const auto process = RunProcess(argv, environment, output, limit_s);
  if (!process.ok()) return MakeNoAudiocraft(context, fmt::format("can't be started ({})", process.error().message));
  if (process->timed_out) return MakeRaised(fmt::format("it was still running after {} s", limit_s));
  if (process->signal != 0) return MakeRaised(fmt::format("it was ended by signal {}", process->signal));
  const json result = FindLastJson(process->output);
  try {
    if (result.at("outcome") == "raises") {
      const auto stage = result.at("stage").get<std::string>(), error = result.at("error").get<std::string>();
      if (stage == "import") return MakeNoAudiocraft(context, "can't import audiocraft: " + error);
      run = MakeRaised(fmt::format("{}: {}", stage, error));
      run.stage = stage;
      return run;
    }
    run = Compare(result, *codes, *gaps);
    run.audiocraft = result.at("audiocraft").get<std::string>();
    run.load_s = result.at("load_s").get<double>();
    return run;
  } catch (const json::exception&) {
    return MakeRaised(
        fmt::format("it gave no result (exit status {}); its output ends: {}", process->exit_code,
                    process->output.substr(process->output.size() - std::min<size_t>(process->output.size(), 400))));
  }
}

}  // namespace conformance
