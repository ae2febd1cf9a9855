#include "conformance/production_loader.h"

#include <fmt/format.h>

#include <cstdlib>

#include "conformance/artifact.h"
#include "conformance/production_script.h"
#include "conformance/subprocess.h"
#include "harness/audio/npy.h"

namespace conformance {
namespace {

using nlohmann::json;

// Two logits this near are a tie: another order of the same sums decides it, and every later code follows.
constexpr double kTie = 1e-3;

ProductionRun Raises(std::string message) {
  ProductionRun run;
  run.outcome = ProductionRun::Outcome::kRaises;
  run.message = std::move(message);
  return run;
}

// The last line of the output that is a JSON object: libraries print what they like before it.
json LastJson(const std::string& output) {
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

// Counts what differs between production's codes and ours.
ProductionRun Compare(const json& theirs, const harness::NpyArray<int32_t>& codes,
                      const harness::NpyArray<float>& gaps) {
  ProductionRun run;
  run.outcome = ProductionRun::Outcome::kRuns;
  const auto rows = theirs.at("tokens").get<std::vector<std::vector<int32_t>>>();
  const int64_t num_codebooks = codes.shape[0], num_frames = codes.shape[1];
  bool same_shape = static_cast<int64_t>(rows.size()) == num_codebooks;
  for (const auto& row : rows) same_shape &= static_cast<int64_t>(row.size()) == num_frames;
  if (!same_shape) {
    return Raises(fmt::format("production generates codes of another shape than [{}, {}]", num_codebooks, num_frames));
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
  const char* python = std::getenv("AUDIOCRAFT_PYTHON");
  if (python == nullptr || *python == '\0') {
    run.message = "AUDIOCRAFT_PYTHON is not set: name a Python that has audiocraft to compare with the real loader";
    return run;
  }
  const GreedyRun& greedy = context.Generation("cpu").greedy;
  if (!greedy.problem.empty()) {
    run.message = greedy.problem;
    return run;
  }
  const auto& output = context.settings().output_dir;
  const auto codes = harness::ReadNpy<int32_t>(output / greedy.tokens);
  const auto gaps = harness::ReadNpy<float>(output / greedy.gaps);
  if (!codes.ok() || !gaps.ok() || codes->shape.size() != 2 || gaps->shape != codes->shape) {
    run.message = codes.ok() ? "the gaps of the greedy run can't be read" : codes.error().message;
    return run;
  }
  std::vector<std::string> argv = {python,
                                   "-c",
                                   kProductionScript,
                                   context.settings().export_dir->string(),
                                   fmt::format("{}", greedy.duration_s),
                                   fmt::format("{}", greedy.cfg_coef)};
  if (greedy.prompt) argv.push_back(*greedy.prompt);
  std::vector<std::string> environment = {"HF_HUB_CACHE=" + context.settings().hub_root.string(),
                                          "PYTHONDONTWRITEBYTECODE=1"};
  if (std::getenv("HF_HUB_OFFLINE") == nullptr) environment.emplace_back("HF_HUB_OFFLINE=1");
  const double limit_s = context.LimitOf("production.max_seconds");
  const auto process = RunProcess(argv, environment, output, limit_s);
  if (!process.ok()) return Raises("AUDIOCRAFT_PYTHON: " + process.error().message);
  if (process->timed_out) return Raises(fmt::format("it was still running after {} s", limit_s));
  if (process->signal != 0) return Raises(fmt::format("it was ended by signal {}", process->signal));
  const json result = LastJson(process->output);
  try {
    if (result.at("outcome") == "raises") {
      return Raises(
          fmt::format("{}: {}", result.at("stage").get<std::string>(), result.at("error").get<std::string>()));
    }
    run = Compare(result, *codes, *gaps);
    run.audiocraft = result.at("audiocraft").get<std::string>();
    run.load_s = result.at("load_s").get<double>();
    return run;
  } catch (const json::exception&) {
    return Raises(
        fmt::format("it gave no result (exit status {}); its output ends: {}", process->exit_code,
                    process->output.substr(process->output.size() - std::min<size_t>(process->output.size(), 400))));
  }
}

harness::Status WriteProduction(const std::filesystem::path& path, const std::string& stamp, const ProductionRun& run) {
  return WriteArtifact(path, stamp,
                       {{"outcome", static_cast<int>(run.outcome)},
                        {"message", run.message},
                        {"audiocraft", run.audiocraft},
                        {"load_s", run.load_s},
                        {"codes", run.codes},
                        {"differing", run.differing},
                        {"first_frame", run.first_frame},
                        {"gap", run.gap}});
}

harness::Result<ProductionRun> ReadProduction(const std::filesystem::path& path, const std::string& stamp) {
  ASSIGN_OR_RETURN(const json body, ReadArtifact(path, stamp));
  ProductionRun run;
  try {
    run.outcome = static_cast<ProductionRun::Outcome>(body.at("outcome").get<int>());
    run.message = body.at("message").get<std::string>();
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

Outcome JudgeProduction(const ProductionRun& run) {
  switch (run.outcome) {
    case ProductionRun::Outcome::kNotRun: return Skip(run.message);
    case ProductionRun::Outcome::kRaises:
      return Fail(
          fmt::format("MusicGen.get_pretrained, run by AUDIOCRAFT_PYTHON, fails on this export although every "
                      "check of this suite passes: {}. {}",
                      run.message,
                      run.message.find("Unrecognized conditioning model") != std::string::npos
                          ? "That audiocraft is too old for this conditioner: name a Python with a newer one"
                          : "Is that Python's audiocraft complete? Else this suite is wrong: report it"));
    case ProductionRun::Outcome::kRuns: break;
  }
  const json measured = {
      {"audiocraft", run.audiocraft}, {"load_s", run.load_s}, {"codes", run.codes}, {"differing_codes", run.differing}};
  if (run.differing == 0 || run.gap < kTie) return Pass(measured, {{"differing_codes", 0}});
  return Fail(
      fmt::format("audiocraft {} generates other codes than this suite: {} of {}, from frame {} on, where this suite's "
                  "best logit leads by {:.3g}. One of the two computes another model than was trained",
                  run.audiocraft, run.differing, run.codes, run.first_frame, run.gap),
      measured, {{"differing_codes", 0}});
}

}  // namespace conformance
