// Category generation: production's defaults can be used, and a short generation ran and gave codes of the right shape
// and range, the same for the same seed.
#include <fmt/format.h>

#include <tuple>

#include "conformance/context.h"
#include "conformance/production_loader.h"
#include "conformance/slots.h"
#include "conformance/suite.h"
#include "harness/architecture/generation_inputs.h"
#include "harness/audio/npy.h"
#include "harness/text/t5_files.h"

namespace conformance {
namespace {

using harness::Role;

// MusicGen.set_generation_params, audiocraft 1.3.0.
constexpr double kExtendStrideS = 18;
constexpr int64_t kDefaultTopK = 250;

Outcome ProductionDefaults(Context& context) {
  const harness::LmSpec& spec = *context.exported().lm_spec();
  const nlohmann::json measured = {{"segment_duration_s", spec.segment_duration_s}, {"cardinality", spec.cardinality}};
  const nlohmann::json limit = {{"segment_duration_s", kExtendStrideS}, {"cardinality", kDefaultTopK}};
  if (!(spec.segment_duration_s > kExtendStrideS)) {
    return Fail(
        fmt::format(
            "state_dict.bin: dataset.segment_duration is {} s; MusicGen's constructor sets extend_stride=18 and "
            "asserts that it is below: get_pretrained raises AssertionError (\"Cannot stride by more than max "
            "generation duration.\"). Train on segments above 18 s, or set the key above 18 if the model can do that",
            spec.segment_duration_s),
        measured, limit);
  }
  if (spec.cardinality < kDefaultTopK) {
    return Fail(
        fmt::format(
            "state_dict.bin: transformer_lm.card is {}; generate() draws from the 250 most likely codes unless told "
            "otherwise, and torch.topk raises where there are fewer. Tell people to call "
            "set_generation_params(top_k={}), or less",
            spec.cardinality, spec.cardinality),
        measured, limit);
  }
  return Pass(measured, limit);
}

// What MusicGen gives to the conditioners is what they ask for.
Outcome Conditioners(Context& context) {
  const std::string problem = harness::GenerateProblem(*context.exported().lm_spec());
  return problem.empty() ? Pass() : Fail("state_dict.bin: " + problem);
}

// The T5 that get_pretrained fetches beside the export: in the cache, and whole.
Outcome TextEncoder(Context& context) {
  harness::Export& exported = context.exported();
  for (const harness::ConditionerSpec& conditioner : exported.lm_spec()->conditioners) {
    if (conditioner.model != "t5") continue;
    const auto status =
        harness::CheckT5(conditioner.t5_name, exported.hub(), conditioner.input_dim, exported.working_directory());
    if (status.ok()) continue;
    const bool absent =
        status.error().code == harness::ErrorCode::kNotFound || status.error().code == harness::ErrorCode::kUnsupported;
    return absent ? Skip(status.error().message) : Fail(status.error().message);
  }
  return Pass();
}

Outcome Runs(Context& context, const Slot& slot) {
  const GenerationRecord& record = context.Generation(slot.device);
  if (!record.problem.empty()) {
    if (record.skipped) return Skip(record.problem);
    // One cause, told once.
    return slot.index == 0 ? Fail(record.problem) : Blocked(fmt::format("generation/{}/prompt0/runs", slot.device));
  }
  const GenerationRun& run = record.runs[slot.index];
  switch (run.status) {
    case GenerationRun::Status::kEmptySlot: return Skip("no prompt in this slot of the profile");
    case GenerationRun::Status::kSkipped: return Skip(run.message);
    case GenerationRun::Status::kFailed:
      return Fail(fmt::format("{} ({}): {}", slot.device, PromptText(run), run.message));
    case GenerationRun::Status::kDone: break;
  }
  nlohmann::json measured = {
      {"frames", run.frames},         {"device", record.device_name},     {"memory_peak_bytes", run.memory_peak_bytes},
      {"load_s", run.load_s},         {"first_code_s", run.first_code_s}, {"step_s", run.step_s},
      {"generate_s", run.generate_s}, {"decode_s", run.decode_s}};
  // Of a card only.
  if (!record.compute_capability.empty()) measured["compute_capability"] = record.compute_capability;
  if (!record.driver_version.empty()) measured["driver_version"] = record.driver_version;
  return Pass(std::move(measured));
}

Outcome Codes(Context& context, const Slot& slot) {
  const GenerationRun& run = context.Generation(slot.device).runs[slot.index];
  const auto codes = harness::ReadNpy<int32_t>(context.settings().output_dir / run.tokens);
  if (!codes.ok()) return Fail(codes.error().message);
  const std::vector<int64_t> expected = {run.num_codebooks, run.frames};
  if (codes->shape != expected) {
    return Fail(fmt::format("{}: codes have the shape [{}, {}], expected [K, T] = [{}, {}]", run.tokens,
                            codes->shape.empty() ? 0 : codes->shape[0], codes->shape.size() < 2 ? 0 : codes->shape[1],
                            expected[0], expected[1]));
  }
  for (size_t i = 0; i < codes->values.size(); ++i) {
    const int32_t code = codes->values[i];
    if (code >= 0 && code < run.cardinality) continue;
    return Fail(fmt::format("{}: codebook {} frame {} holds {}, outside of 0 to {}", run.tokens,
                            static_cast<int64_t>(i) / run.frames, static_cast<int64_t>(i) % run.frames, code,
                            run.cardinality - 1));
  }
  return Pass({{"codebooks", run.num_codebooks}, {"frames", run.frames}}, {{"cardinality", run.cardinality}});
}

Outcome Repeatable(Context& context, const Slot& slot) {
  const GenerationRun& run = context.Generation(slot.device).runs[slot.index];
  const nlohmann::json measured = {{"frames", run.repeated_frames}, {"differing_codes", run.differing_codes}};
  if (run.differing_codes == 0) return Pass(measured, {{"differing_codes", 0}});
  return Fail(fmt::format("{} ({}): the same seed gave {} other codes in the first {} frames the second time",
                          slot.device, PromptText(run), run.differing_codes, run.repeated_frames),
              measured, {{"differing_codes", 0}});
}

Outcome FromProbe(const GenerationRecord& record, const ModelProbe& probe) {
  if (record.skipped) return Skip(record.problem);
  if (!record.problem.empty()) return Blocked(fmt::format("generation/{}/prompt0/runs", record.device));
  if (!probe.not_run.empty()) return Skip(probe.not_run);
  return probe.passed ? Pass(probe.measured, probe.limit) : Fail(probe.message, probe.measured, probe.limit);
}

// The language model in float16, as CUDA has it, on the CPU.
Outcome Float16Readiness(Context& context) {
  if (context.profile().float16_steps == 0) return Skip("generation.float16_steps is 0 in the profile");
  if (const std::string why = context.WhyNotDevice("cpu"); !why.empty()) return Skip(why);
  const GenerationRecord& record = context.Generation("cpu");
  return FromProbe(record, record.float16_readiness);
}

Outcome CudaAgreesWithCpu(Context& context) {
  if (const std::string why = context.WhyNotDevice("cuda"); !why.empty()) return Skip(why);
  const GenerationRecord& record = context.Generation("cuda");
  const ModelProbe& probe = record.cuda_agreement;
  // Where the device stopped, nothing could be compared, either: one cause, told once.
  const bool compared = probe.not_run.empty() && !probe.measured.is_null();
  if (!compared && record.runs[0].status == GenerationRun::Status::kFailed)
    return Blocked("generation/cuda/prompt0/runs");
  return FromProbe(record, probe);
}

// Whatever would make the sound wrong, or the run raise, for a reason that has a name of its own.
// Those of the codec's own config are told for a reference by codec_compatibility/weights.
bool OfCodecConfig(const std::string& id) { return id.starts_with("shape_config_agreement/codec/"); }

std::vector<std::string> StaticChecks() {
  std::vector<std::string> ids;
  for (auto* checks :
       {&FilePresenceChecks, &StateDictIntegrityChecks, &ShapeConfigAgreementChecks, &CodecCompatibilityChecks}) {
    for (const Check& check : checks()) {
      // A name can't change the sound, and float16 matters on CUDA only.
      if (check.id != "file_presence/folder_name" && !check.id.ends_with("/float16_range") && !OfCodecConfig(check.id))
        ids.push_back(check.id);
    }
  }
  return ids;
}

}  // namespace

std::vector<Check> GenerationChecks() {
  std::vector<Check> checks = {
      {"generation/production_defaults",
       "ProductionDefaults",
       {"shape_config_agreement/language_model/options"},
       ProductionDefaults},
      {"generation/conditioners", "Conditioners", {"shape_config_agreement/language_model/options"}, Conditioners},
      {"generation/text_encoder", "TextEncoder", {"shape_config_agreement/language_model/options"}, TextEncoder}};
  for (const Slot& slot : AllSlots()) {
    const std::string prefix = "generation/" + slot.Path();
    std::vector<std::string> needs = StaticChecks();
    needs.push_back("generation/production_defaults");
    needs.push_back("generation/conditioners");
    if (slot.device == "cuda") needs.push_back("state_dict_integrity/language_model/float16_range");
    checks.push_back({prefix + "/runs",
                      slot.Camel() + "Runs",
                      std::move(needs),
                      [slot](Context& c) {
                        const std::string why = c.WhyNotDevice(slot.device);
                        return why.empty() ? Runs(c, slot) : Skip(why);
                      },
                      // A text encoder that is not there skips texts only; a broken one stops get_pretrained.
                      {"generation/text_encoder"}});
    checks.push_back(
        {prefix + "/codes", slot.Camel() + "Codes", {prefix + "/runs"}, [slot](Context& c) { return Codes(c, slot); }});
    checks.push_back({prefix + "/repeatable", slot.Camel() + "Repeatable", {prefix + "/runs"}, [slot](Context& c) {
                        return Repeatable(c, slot);
                      }});
  }
  for (const auto& [id, name, run] :
       {std::tuple("generation/float16_readiness", "Float16Readiness", &Float16Readiness),
        std::tuple("generation/cuda_agrees_with_cpu", "CudaAgreesWithCpu", &CudaAgreesWithCpu)}) {
    std::vector<std::string> needs = StaticChecks();
    for (const char* need : {"generation/production_defaults", "generation/conditioners",
                             "state_dict_integrity/language_model/float16_range"}) {
      needs.emplace_back(need);
    }
    checks.push_back({id, name, std::move(needs), run, {"generation/text_encoder"}});
  }
  // A run that passed has passed all that it needs itself: nothing unsafe is loaded.
  checks.push_back({kProductionCheck,
                    "ProductionLoader",
                    {"generation/text_encoder", "generation/cpu/prompt0/runs"},
                    [](Context& c) { return JudgeProduction(c.Production()); }});
  return checks;
}

DEFINE_SUITE(Generation, GenerationChecks());

}  // namespace conformance
