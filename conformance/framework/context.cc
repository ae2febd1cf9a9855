#include "conformance/framework/context.h"

#include <fmt/format.h>

#include "conformance/framework/artifact.h"
#include "harness/audio/wav.h"
#include "harness/base/safe_text.h"

namespace conformance {
namespace {

// A stage that did not leave its artifact: CTest ran the check without its fixture, or the stage died.
std::string DescribeMissingStage(const std::string& stage, const harness::Error& error) {
  return fmt::format("the stage {} left nothing to judge ({})", stage, error.message);
}

constexpr const char* kRunAll = "Run the whole of `ctest -L conformance`";

}  // namespace

Context::Context(Settings settings, RunPlan plan, Generator generator)
    : settings_(std::move(settings)), plan_(std::move(plan)), generator_(std::move(generator)) {
  if (!settings_.export_dir) return;
  export_ = std::make_unique<harness::exports::Export>(
      *settings_.export_dir, harness::hub::HubCache(settings_.hub_root), settings_.working_dir);
}

const harness::Result<harness::weights::PayloadScan>& Context::Payload(harness::exports::Role role) {
  if (settings_.staged && !exported().has_payload(role)) {
    auto body = ReadArtifact(LocatePayloadArtifact(settings_.output_dir, role), IdentifyRun(settings_));
    exported().AdoptPayload(
        role, body.ok() ? PayloadFromJson(*body)
                        : harness::Result<harness::weights::PayloadScan>(harness::Error{
                              body.error().code, DescribeMissingStage("payload", body.error()), kRunAll}));
  }
  return exported().payload(role);
}

const GenerationRecord& Context::Generation(const std::string& device) {
  const auto known = generations_.find(device);
  if (known != generations_.end()) return known->second;
  GenerationRecord record;
  if (settings_.staged) {
    auto read = ReadRecord(LocateGenerationArtifact(settings_.output_dir, device), IdentifyRun(settings_));
    if (read.ok()) {
      record = std::move(read).value();
    } else {
      record.problem = DescribeMissingStage("generation on " + device, read.error());
      record.remedy = kRunAll;
      record.reason = reason::kStageLeftNothing;
    }
  } else if (generator_) {
    record = generator_(*this, device);
  } else {
    record.skipped = true;
    record.problem = "conformance_judge generates nothing: it judges what the generation stage left";
    record.remedy = "Run ctest, or the program conformance, which generates";
    record.reason = reason::kStageLeftNothing;
  }
  record.device = device;
  return generations_[device] = std::move(record);
}

const GenerationRun& Context::GetRun(const GenerationCase& of) {
  static const GenerationRun kNone;
  const GenerationRecord& record = Generation(of.device);
  const auto run = record.runs.find(of.Run());
  return run == record.runs.end() ? kNone : run->second;
}

const harness::Result<harness::audio::SignalMeasures>& Context::Sound(const std::string& audio) {
  const auto known = sounds_.find(audio);
  if (known != sounds_.end()) return known->second;
  const auto measure = [&]() -> harness::Result<harness::audio::SignalMeasures> {
    HARNESS_ASSIGN_OR_RETURN(const harness::audio::Waveform waveform,
                             harness::audio::ReadWav(settings_.output_dir / audio));
    return harness::audio::ComputeSignalStatistics(waveform).overall;
  };
  return sounds_.emplace(audio, measure()).first->second;
}

const ProductionRun& Context::Production() {
  if (production_) return *production_;
  ProductionRun run;
  if (settings_.staged) {
    auto read = ReadProduction(LocateProductionArtifact(settings_.output_dir), IdentifyRun(settings_));
    if (read.ok()) {
      run = std::move(read).value();
    } else {
      run.message = DescribeMissingStage("production", read.error());
      run.remedy = kRunAll;
    }
  } else if (production_of_) {
    run = production_of_(*this);
  }
  return production_.emplace(std::move(run));
}

double Context::GetLimit(const std::string& name) const {
  if (const auto overridden = profile().limits.find(name); overridden != profile().limits.end())
    return overridden->second;
  for (const Limit& limit : kLimits) {
    if (name == limit.name) return limit.value;
  }
  return 0;
}

void Context::FailRun(const std::string& why) { run_failures_.push_back(harness::SafeLine(why)); }

}  // namespace conformance
