#include "conformance/checks/generation/generation.h"

#include "conformance/framework/graph.h"

namespace conformance {
namespace {

using harness::exports::Role;

// Whatever would make the sound wrong, or the run raise, for a reason that has a name of its own.
std::vector<std::string> ListStaticChecks() {
  std::vector<std::string> needs;
  for (const auto& checks : {ListFilePresenceChecks(), ListStateDictIntegrityChecks(), ListShapeConfigAgreementChecks(),
                             ListCodecCompatibilityChecks()}) {
    for (const Check& check : checks) needs.push_back(check.id);
  }
  std::erase_if(needs, [](const std::string& id) {
    // A name can't change the sound, and float16 matters on CUDA only. Those of the codec's own config are reported
    // for a reference by codec_compatibility/weights.
    return id == ids::kFolderName || id == ids::kFloat16Range(Role::kLanguageModel) ||
           id.starts_with("shape_config_agreement/codec/");
  });
  needs.emplace_back(ids::kProductionDefaults);
  needs.emplace_back(ids::kConditioners);
  return needs;
}

// The word of CONFORMANCE_REQUIRE that a case exercises.
std::string GetRequirement(const RunPlan& plan, const GenerationCase& of) {
  if (of.is_melody()) return "melody";
  if (plan.is_text(of)) return "text";
  return of.device == "cuda" ? "cuda" : "";
}

}  // namespace

std::vector<Check> ListGenerationChecks(const RunPlan& plan) {
  const std::string options = ids::kOptions(Role::kLanguageModel);
  std::vector<Check> checks = {{ids::kProductionDefaults, {options}, CheckProductionDefaults},
                               {ids::kConditioners, {options}, CheckConditioners},
                               {ids::kTextEncoder, {options}, CheckTextEncoder}};
  checks.back().requirement = "text";
  const std::vector<std::string> needs = ListStaticChecks();
  std::vector<std::string> in_float16 = needs;
  in_float16.push_back(ids::kFloat16Range(Role::kLanguageModel));
  for (const GenerationCase& of : plan.cases) {
    checks.push_back({.id = ids::kRuns(of),
                      .needs = of.device == "cuda" ? in_float16 : needs,
                      .evaluate = [of](Context& c) { return CheckRuns(c, of); },
                      // A text encoder that is not there skips texts only; a broken one stops get_pretrained.
                      .explained_by = {ids::kTextEncoder},
                      .requirement = GetRequirement(plan, of),
                      .device = of.device});
    for (const auto& [id, evaluate] :
         {std::pair(ids::kCodes, &CheckCodes), std::pair(ids::kRepeatable, &CheckRepeatable)}) {
      checks.push_back({.id = id(of),
                        .needs = {ids::kRuns(of)},
                        .evaluate = [of, evaluate = evaluate](Context& c) { return evaluate(c, of); },
                        .device = of.device});
    }
  }
  for (const RunPlan::NotRun& not_run : plan.not_run) {
    checks.push_back({.id = not_run.id,
                      .needs = {},
                      .evaluate = [outcome = not_run.outcome](Context&) { return outcome(); },
                      .requirement = not_run.requirement,
                      .device = not_run.device});
  }
  if (!plan.devices.empty()) {
    const std::string& device = plan.devices.front();
    if (const GenerationCase* first = plan.FindFirstCase(device)) {
      for (const char* id : {ids::kConditioning, ids::kAlternatives, ids::kRoundTrip, ids::kLikelihood}) {
        checks.push_back({.id = id,
                          .needs = {ids::kRuns(*first)},
                          .evaluate = [device, id](Context& c) { return CheckProbe(c, device, id); },
                          .device = device});
        // The reading that would fit says why the config's does not.
        if (id == ids::kRoundTrip) checks.back().explained_by = {ids::kAlternatives};
        if (id == ids::kLikelihood) checks.back().explained_by = {ids::kConditioning, ids::kAlternatives};
      }
      checks.push_back({.id = ids::kContinuation,
                        .needs = {ids::kRuns(*first)},
                        .evaluate = [device](Context& c) { return CheckProbe(c, device, ids::kContinuation); },
                        .device = device});
    }
  }
  if (plan.float16_readiness && plan.FindFirstCase("cpu") != nullptr) {
    checks.push_back({.id = ids::kFloat16Readiness,
                      .needs = in_float16,
                      .evaluate = [](Context& c) { return CheckProbe(c, "cpu", ids::kFloat16Readiness); },
                      .explained_by = {ids::kTextEncoder},
                      .device = "cpu"});
  }
  if (plan.FindFirstCase("cuda") != nullptr) {
    checks.push_back({.id = ids::kCudaAgreesWithCpu,
                      .needs = in_float16,
                      .evaluate = CheckCudaAgreesWithCpu,
                      .explained_by = {ids::kTextEncoder},
                      .device = "cuda"});
  }
  if (const auto* first = plan.FindFirstCase("cpu"); plan.production_loader && first != nullptr) {
    // A run that passed has passed all that it needs itself: nothing unsafe is loaded.
    checks.push_back({.id = ids::kProductionLoader,
                      .needs = {ids::kTextEncoder, ids::kRuns(*first)},
                      .evaluate = CheckProductionLoader});
  }
  return checks;
}

}  // namespace conformance
